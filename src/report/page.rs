//! Text in columns: wraps by words with a hanging indent, never inside a command, a path or a URL, escapes what could
//! disturb a terminal, and colours only if asked.

use anstyle::{AnsiColor, Style};

use super::escape::{columns, fitted, terminal};

pub(super) const PLAIN: Style = Style::new();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const ALARM: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const CALM: Style = AnsiColor::Green.on_default();
pub(super) const PATH: Style = AnsiColor::Cyan.on_default();

/// Lines as they are written.
pub(super) struct Page {
    out: String,
    width: usize,
    color: bool,
}

/// A piece of a line that is never broken.
struct Token<'a> {
    style: Style,
    gap: usize,
    text: &'a str,
}

impl Page {
    /// An empty page. Fewer than 40 columns are taken as 40.
    pub fn new(width: usize, color: bool) -> Self {
        Self { out: String::new(), width: width.max(40), color }
    }

    /// What was written.
    pub fn into_text(self) -> String {
        self.out
    }

    /// An empty line, but not at the top and never two.
    pub fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A paragraph: `lead` stands before the first line, the others hang below the text.
    pub fn paragraph(&mut self, lead: &str, style: Style, text: &str) {
        self.flow(lead, PLAIN, columns(lead), &[(style, text)]);
    }

    /// Pieces in a row with two spaces between them, wrapped by words; other lines than the first start at `hang`.
    pub fn flow(&mut self, lead: &str, lead_style: Style, hang: usize, pieces: &[(Style, &str)]) {
        let pieces: Vec<(Style, String)> =
            pieces.iter().map(|(style, text)| (*style, terminal(&joined(text)))).collect();
        let room = self.width.saturating_sub(hang.max(columns(lead))).max(10);
        let tokens: Vec<Token> = pieces.iter().flat_map(|(style, text)| tokens(*style, text, room)).collect();
        self.styled(lead_style, lead);
        let mut column = columns(lead);
        for (i, token) in tokens.iter().enumerate() {
            let gap = if i == 0 { 0 } else { token.gap };
            let wide = columns(token.text);
            if i > 0 && column + gap + wide > self.width {
                self.out.push('\n');
                self.out.push_str(&" ".repeat(hang));
                column = hang;
            } else {
                self.out.push_str(&" ".repeat(gap));
                column += gap;
            }
            self.styled(token.style, token.text);
            column += wide;
        }
        self.end_line();
    }

    /// Lines that must stay as they are: commands, for copying.
    pub fn verbatim(&mut self, indent: usize, style: Style, text: &str) {
        for line in text.trim_end().split('\n') {
            self.out.push_str(&" ".repeat(indent));
            self.styled(style, &terminal(line.trim_end()));
            self.end_line();
        }
    }

    /// A position for clicking, and beside it, or below it if there is no room, what else is known; cut, not wrapped.
    pub fn place(&mut self, indent: usize, position: &str, note: &str) {
        const LEAST: usize = 28;
        let (position, note) = (terminal(position), terminal(note));
        self.out.push_str(&" ".repeat(indent));
        self.styled(PATH, &position);
        let mut used = indent + columns(&position) + 2;
        if !note.is_empty() {
            let room = self.width.saturating_sub(used);
            if room < columns(&note) && room < LEAST {
                self.out.push('\n');
                used = indent + 4;
                self.out.push_str(&" ".repeat(used));
            } else {
                self.out.push_str("  ");
            }
            self.styled(PLAIN, &fitted(&note, self.width.saturating_sub(used)));
        }
        self.end_line();
    }

    /// A command under a heading, whole, and a note behind it, or below it if there is no room.
    pub fn way(&mut self, lead: &str, command: &str, note: &str) {
        let (command, note) = (terminal(command), terminal(note));
        self.out.push_str(lead);
        self.styled(BOLD, &command);
        if !note.is_empty() {
            let used = columns(lead) + columns(&command) + 2;
            match used + columns(&note) <= self.width {
                true => self.out.push_str("  "),
                false => {
                    self.out.push('\n');
                    self.out.push_str(&" ".repeat(columns(lead)));
                }
            }
            self.out.push_str(&note);
        }
        self.end_line();
    }

    fn styled(&mut self, style: Style, text: &str) {
        if self.color && style != PLAIN && !text.is_empty() {
            self.out.push_str(&format!("{}{text}{}", style.render(), style.render_reset()));
        } else {
            self.out.push_str(text);
        }
    }

    fn end_line(&mut self) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.out.push('\n');
    }
}

/// A text on one line, with single spaces: our own texts may be wrapped in their files.
fn joined(text: &str) -> String {
    text.split([' ', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The unbreakable parts of a text: words, and what stands between backticks. A word that is too long for a line and
/// is neither a command nor a path nor a URL is cut into pieces.
fn tokens(style: Style, text: &str, room: usize) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut gap = 2;
    while !rest.is_empty() {
        let mut end = rest.find(' ').unwrap_or(rest.len());
        while rest[..end].matches('`').count() % 2 == 1 {
            let Some(close) = rest[end..].find('`') else { break };
            end += close + 1;
            end += rest[end..].find(' ').unwrap_or(rest.len() - end);
        }
        let mut word = &rest[..end];
        while columns(word) > room && !word.contains(['/', '\\', '`']) {
            let cut = word.char_indices().nth(room / 2).map_or(word.len(), |(at, _)| at);
            tokens.push(Token { style, gap, text: &word[..cut] });
            (word, gap) = (&word[cut..], 0);
        }
        tokens.push(Token { style, gap, text: word });
        rest = rest[end..].trim_start_matches(' ');
        gap = 1;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_with_a_hanging_indent() {
        let mut page = Page::new(40, false);
        page.paragraph(" 1. ", PLAIN, "one two three four five six seven eight nine\nten");
        assert_eq!(page.into_text(), " 1. one two three four five six seven\n    eight nine ten\n");
    }

    #[test]
    fn keeps_commands_whole() {
        let mut page = Page::new(40, false);
        page.paragraph("", PLAIN, "Then run `git restore --staged a b c d e f`, and so on");
        assert_eq!(page.into_text(), "Then run\n`git restore --staged a b c d e f`, and\nso on\n");
    }

    #[test]
    fn cuts_words_that_are_too_long() {
        let mut page = Page::new(40, false);
        page.paragraph("- ", PLAIN, &"x".repeat(100));
        let text = page.into_text();
        assert!(text.lines().all(|line| line.len() <= 40), "{text}");
        assert_eq!(text.matches('x').count(), 100);
    }

    #[test]
    fn colour_only_if_asked() {
        let mut page = Page::new(40, true);
        page.verbatim(2, BOLD, "ls\x1b[2J");
        assert_eq!(page.into_text(), "  \u{1b}[1mls\\x1b[2J\u{1b}[0m\n");
    }
}
