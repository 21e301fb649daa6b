//! Values generated from sample templates.
