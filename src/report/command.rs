//! Annotations as commands in a log: of GitHub Actions (`::error file=…::message`) and of Azure Pipelines
//! (`##vso[task.logissue …]message`). What they are about is escaped as each system's own toolkit does, so that no name of
//! a file can end a property, begin another command, or be one.

use std::io;

use super::Format;
use super::annotation::{Annotation, Weight, annotations, plain};
use super::document::Document;
use super::escape::terminal;

/// GitHub shows ten errors and ten warnings of a step.
const MOST_ON_GITHUB: usize = 10;
const MOST_ON_AZURE: usize = 100;

/// Writes a command a line.
pub(super) fn write(document: &Document, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
    let most = if format == Format::Azure { MOST_ON_AZURE } else { MOST_ON_GITHUB };
    annotations(document, most).iter().try_for_each(|annotation| writeln!(out, "{}", line(annotation, format)))
}

/// An error that is about no file, as a command of one of the two formats that are commands.
pub fn command(format: Format, title: &str, message: &str) -> String {
    line(&plain(Weight::Error, title, message.to_owned()), format)
}

fn line(annotation: &Annotation, format: Format) -> String {
    match format {
        Format::Azure => azure(annotation),
        _ => github(annotation),
    }
}

fn github(annotation: &Annotation) -> String {
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut properties = Vec::new();
    if let Some(file) = &annotation.file {
        properties.push(format!("file={}", property(file)));
        let mut number = |name: &str, value: Option<u64>| properties.extend(value.map(|v| format!("{name}={v}")));
        number("line", annotation.line);
        number("endLine", annotation.end_line);
        // A column without its line, or beside another last line, is refused.
        number("col", annotation.column.filter(|_| annotation.line == annotation.end_line));
    }
    properties.push(format!("title={}", property(&shown(&annotation.title))));
    let weight = weight(annotation);
    format!("::{weight} {}::{}", properties.join(","), data(&shown(&annotation.message)))
}

/// Percent first, or it would be escaped twice.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn azure(annotation: &Annotation) -> String {
    let data = |text: &str| text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(']', "%5D").replace(';', "%3B");
    let mut properties = format!("type={};", weight(annotation));
    if let Some(file) = &annotation.file {
        properties.push_str(&format!("sourcepath={};", property(file)));
        let numbers = [("linenumber", annotation.line), ("columnnumber", annotation.column)];
        for (name, value) in numbers {
            properties.extend(value.map(|value| format!("{name}={value};")));
        }
    }
    properties.extend(annotation.rule.iter().map(|rule| format!("code={};", property(rule))));
    // The system shows one line.
    let message = shown(&annotation.message).replace('\n', " ");
    let message = if annotation.rule.is_none() { format!("{}: {message}", annotation.title) } else { message };
    format!("##vso[task.logissue {properties}]{}", data(&message))
}

fn weight(annotation: &Annotation) -> &'static str {
    match annotation.weight {
        Weight::Error => "error",
        Weight::Warning => "warning",
    }
}

/// Text for people, without control characters other than our own line ends.
fn shown(text: &str) -> String {
    text.split('\n').map(terminal).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Annotation {
        Annotation {
            weight: Weight::Error,
            title: "a, b: c".into(),
            message: "100%\r\n::error::x ##vso[task.complete]".into(),
            rule: Some("x;y]z".into()),
            file: Some("a,b:c%0A\n::stop-commands::]x;y".into()),
            line: Some(3),
            end_line: Some(3),
            column: Some(5),
        }
    }

    #[test]
    fn nothing_ends_a_property_or_begins_a_command() {
        assert_eq!(
            github(&hostile()),
            "::error file=a%2Cb%3Ac%250A%0A%3A%3Astop-commands%3A%3A]x;y,line=3,endLine=3,col=5,title=a%2C b%3A c\
             ::100%25\\r%0A::error::x ##vso[task.complete]"
        );
        assert_eq!(
            azure(&hostile()),
            "##vso[task.logissue type=error;sourcepath=a,b:c%AZP250A%0A::stop-commands::%5Dx%3By;linenumber=3;\
             columnnumber=5;code=x%3By%5Dz;]100%AZP25\\r ::error::x ##vso[task.complete]"
        );
    }

    #[test]
    fn without_a_file_there_is_no_line() {
        let annotation = Annotation { file: None, ..hostile() };
        assert!(github(&annotation).starts_with("::error title=a"), "{}", github(&annotation));
        assert!(azure(&annotation).starts_with("##vso[task.logissue type=error;code="), "{}", azure(&annotation));
        assert_eq!(command(Format::Github, "keysieve", "a\nb"), "::error title=keysieve::a%0Ab");
        assert_eq!(command(Format::Azure, "keysieve", "a\nb"), "##vso[task.logissue type=error;]keysieve: a b");
    }
}
