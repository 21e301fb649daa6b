//! The syntax around a value: is it a literal, or an expression that only names the secret?

use std::ops::Range;

use super::name::{Name, is_name_byte};

/// How far to look before and after a value.
const REACH: usize = 200;

/// What the line makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A name, a call, a piece of a sentence.
    Expression,
    /// It may be one or the other.
    Doubtful,
    /// A value as it is.
    Literal,
}

/// Cuts off what follows a value: the rest of a query string, an escape, the end of a statement.
pub(super) fn narrow(bytes: &[u8], span: Range<usize>) -> Range<usize> {
    let value = &bytes[span.clone()];
    let quoted = quote_before(bytes, span.start).is_some();
    let mut end = value.len();
    const ESCAPES: [&[u8]; 12] =
        [b"\\n", b"\\r", b"\\t", b"\\\"", b"\\'", b"&quot;", b"&amp;", b"&lt;", b"&#", b"\\u0026", b"\\u0022", b"]]"];
    const ENDS: [&[u8]; 7] = [b";", b",", b"%22", b"%27", b"%20", b"%26", b"\x1b"];
    let mut cut_at = |marks: &[&[u8]], firsts: &[u8]| {
        // Most values have none of them.
        if value.iter().any(|byte| firsts.contains(byte)) {
            marks.iter().for_each(|mark| end = memchr::memmem::find(&value[..end], mark).unwrap_or(end));
        }
    };
    cut_at(&ESCAPES, b"\\&]");
    if !quoted {
        cut_at(&ENDS, b";,%\x1b");
        // `a=b&c=d`, but not `p&w` alone.
        let mut from = 0;
        while let Some(at) = memchr::memchr(b'&', &value[from..end]) {
            let name = value[from + at + 1..].iter().take_while(|byte| is_name_byte(**byte)).count();
            if name > 0 && value.get(from + at + 1 + name) == Some(&b'=')
                || from + at + 1 == end
                || value.get(from + at + 1) == Some(&b'&')
            {
                end = from + at;
                break;
            }
            from += at + 1;
        }
        while end > 0 && matches!(value[end - 1], b')' | b']' | b'}' | b'.' | b':' | b'\\' | b'|' | b'*' | b'`') {
            end -= 1;
        }
    }
    while end > 0 && value[end - 1] == b'\\' {
        end -= 1;
    }
    span.start..span.start + end
}

/// The quote that a value begins after, as it is written.
fn quote_before(bytes: &[u8], start: usize) -> Option<&'static [u8]> {
    let quotes: [&[u8]; 8] = [b"\"", b"'", b"`", b"&quot;", b"%22", b"\\u0022", b"&#34;", b"&#39;"];
    quotes.into_iter().find(|quote| bytes[..start].ends_with(quote))
}

/// What the line makes of the value of a name.
pub(super) fn form(bytes: &[u8], name: &Name<'_>, span: &Range<usize>) -> Form {
    let value = &bytes[span.clone()];
    let between = bytes.get(name.end..span.start).unwrap_or_default();
    let head = head(bytes, name.start);
    let tail = tail(bytes, span.end);
    let quoted = quote_before(bytes, span.start);
    if let Some(quote) = quoted.filter(|quote| opens(between, quote)) {
        return quoted_form(name, between, head, tail, quote, value);
    }
    bare_form(name, between, head, tail, value)
}

/// Whether the quote opens the value, and does not close the name: `"password": abc` as against `"password" "abc"`.
fn opens(between: &[u8], quote: &[u8]) -> bool {
    between.len() > quote.len() || between.is_empty()
}

fn quoted_form(name: &Name<'_>, between: &[u8], head: &[u8], tail: &[u8], quote: &[u8], value: &[u8]) -> Form {
    // What the pattern left out at the end of the value does no harm.
    let trimmed = tail.iter().take_while(|byte| b";,)]}.:!?".contains(byte)).count();
    let Some(after) = tail[trimmed..].strip_prefix(quote).or_else(|| tail[trimmed..].strip_prefix(b"\\")) else {
        return if value.len() >= 16 && !tail.starts_with(b" ") && !tail.starts_with(b"$") {
            Form::Doubtful
        } else {
            Form::Expression
        };
    };
    let after = after.trim_ascii_start();
    // The value is itself a name, or a piece of a text that is put together.
    let operator = operator(between);
    let key = operator != b"==" && operator != b"===";
    let key = key
        && (after.starts_with(b":") && !after.starts_with(b"::")
            || after.starts_with(b"=") && !after.starts_with(b"=="));
    if key || after.starts_with(b"+") || after.starts_with(b"%") && !after.starts_with(b"%>") {
        return Form::Expression;
    }
    // In prose, `pass` is a verb.
    if name.text == b"pass" && operator.is_empty() {
        return Form::Expression;
    }
    if let Some(callee) = callee(between)
        && !wraps(callee)
    {
        return Form::Doubtful;
    }
    // `-define(PASSWORD, <<"…">>)`, `{password, <<"…">>}`: the text of Erlang.
    if between.ends_with(b"<<\"") && after.starts_with(b">>") {
        return Form::Literal;
    }
    let named_argument = |open: &u8| b"([{".contains(open);
    match operator {
        // `put("password", "…")`, but not a list of names.
        b"," => {
            let opening = head.trim_ascii_end();
            let opening = opening.strip_suffix(b"\"").or_else(|| opening.strip_suffix(b"'")).unwrap_or(opening);
            let quoted_name = opening.len() < head.trim_ascii_end().len();
            if quoted_name && value.iter().all(u8::is_ascii_hexdigit) && !keeps(opening) {
                // `matches("password", "5f4d…")`: its hash, its salt.
                Form::Expression
            } else if quoted_name && opening.trim_ascii_end().last().is_some_and(named_argument)
                || [&b"\"--"[..], b"'--", b"(:"].iter().any(|before| head.ends_with(before)) && !value.starts_with(b"-")
                || head.ends_with(b"{") && after.starts_with(b"}")
            {
                // Also `["--password", "…"]`, `fetch(:password, '…')`, `{password, "…"}`.
                Form::Literal
            } else {
                Form::Doubtful
            }
        }
        b"!=" => Form::Expression,
        _ => Form::Literal,
    }
}

/// Whether what stands before the arguments is a function that keeps a value under a name: `put("password", "5f4d…")`.
/// Others take a password and its hash or salt: `matches`, `verify`, `stronger`.
fn keeps(opening: &[u8]) -> bool {
    const KEEPERS: &[&str] = &[
        "put",
        "set",
        "add",
        "header",
        "headers",
        "append",
        "property",
        "param",
        "parameter",
        "attr",
        "attribute",
        "field",
        "env",
        "setenv",
        "putenv",
        "default",
        "insert",
        "store",
        "write",
        "with",
        "define",
        "entry",
        "option",
        "config",
        "get",
        "getenv",
        "fetch",
        "string",
        "var",
        "value",
        "arg",
        "argument",
        "pair",
        "of",
        "data",
        "form",
    ];
    let opening = opening.trim_ascii_end();
    let Some(callee) = opening.strip_suffix(b"(") else { return true };
    let callee = callee.trim_ascii_end();
    let length = callee.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let words = super::words::words(&callee[callee.len() - length..]);
    words.is_empty() || words.iter().any(|word| KEEPERS.contains(&word.as_str()))
}

/// The function in whose brackets the value stands, on the right of the name.
fn callee(between: &[u8]) -> Option<&[u8]> {
    let open = between.iter().rposition(|byte| *byte == b'(')?;
    let start = between[..open].iter().rposition(|byte| !is_name_byte(*byte)).map_or(0, |at| at + 1);
    let name = between[start..open].rsplit(|byte| *byte == b'.').next()?;
    (!name.is_empty()).then_some(name)
}

/// Whether a function gives its argument back in another shape, or takes it as the value: not one that looks it up.
fn wraps(callee: &[u8]) -> bool {
    const WRAPPERS: &[&str] = &[
        "string",
        "str",
        "bytes",
        "byte",
        "bytearray",
        "from",
        "of",
        "some",
        "just",
        "valueof",
        "fromstring",
        "decode",
        "b64decode",
        "decodestring",
        "base64",
        "hex",
        "fromhex",
        "unhexlify",
        "password",
        "hash",
        "hashpw",
        "hash_password",
        "generate_password_hash",
        "make_password",
        "encrypt",
        "sha1",
        "md5",
        "sha256",
        "crypt",
        "bcrypt",
        "char",
        "cstring",
        "chars",
        "sendkeys",
        "send_keys",
        "fill",
        "type",
        "settext",
        "set",
        "setvalue",
        "append",
        "put",
        "sensitive",
        "quote",
        "encodetostring",
        "hashsync",
        "securestring",
        "nonsensitive",
        "base64decode",
        "env",
    ];
    callee.first().is_some_and(u8::is_ascii_uppercase)
        || WRAPPERS.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(callee))
}

/// The operator in what stands between a name and its value.
fn operator(between: &[u8]) -> &[u8] {
    let is_operator = |byte: &u8| b"=:,>(|?+~%!".contains(byte);
    let Some(end) = between.iter().rposition(is_operator) else { return b"" };
    let len = between[..=end].iter().rev().take_while(|byte| is_operator(byte)).count();
    &between[end + 1 - len..=end]
}

fn bare_form(name: &Name<'_>, between: &[u8], head: &[u8], tail: &[u8], value: &[u8]) -> Form {
    // What closes the comment that the line is.
    let closed = COMMENT_ENDS.iter().find_map(|end| tail.trim_ascii_end().strip_suffix(*end));
    let (head, tail) = match closed.filter(|rest| rest.trim_ascii().is_empty()) {
        Some(_) => (without_comment(head), &b""[..]),
        None => (head, tail),
    };
    let rest = tail.trim_ascii_start();
    let gap = rest.len() < tail.len();
    let operator = operator(between);
    let identifier = is_identifier(value);
    let hard = !identifier && has_digit(value);
    if operator == b"," || name.text == b"pass" && operator.is_empty() || value[0] == b'&' || value[0] == b'*' {
        return Form::Expression;
    }
    if rest.starts_with(b"(") && !gap || tail.starts_with(b"[") || tail.starts_with(b"->") {
        return Form::Expression;
    }
    // An element of XML or HTML.
    let element = between.trim_ascii_end();
    if between.ends_with(b">") && tail.starts_with(b"<")
        || element.ends_with(b">") && element.contains(&b'<') && tail.is_empty()
    {
        return Form::Literal;
    }
    // Lua's `[[value]]`, `<![CDATA[value]]>`
    if tail.starts_with(b"]]") && (between.ends_with(b"[[") || between.ends_with(b"<![CDATA[")) {
        return Form::Literal;
    }
    // A block of YAML: `password: |`, and the value on the next line.
    if matches!(operator, b"|" | b">") && between.starts_with(b":") && between.contains(&b'\n') && rest.is_empty() {
        return Form::Literal;
    }
    // `--password value`, `-Ppassword=value`
    let flag = head.ends_with(b"--")
        || head.ends_with(b"-")
        || head.ends_with(b" /")
        || head.ends_with(b"-P")
        || head.ends_with(b"-D");
    if flag && !between.contains(&b'\n') {
        return if operator.is_empty() && !gap && !rest.is_empty() && !b"'\"`\\)]<,;".contains(&rest[0]) {
            Form::Doubtful
        } else {
            Form::Literal
        };
    }
    // `${db.password:value}`
    if head.ends_with(b"${") && tail.starts_with(b"}") {
        return Form::Literal;
    }
    // `?token=value&`, `;password=value;`
    let query = between == b"=" || between.eq_ignore_ascii_case(b"%3d");
    if query
        && (head.ends_with(b"?")
            || head.ends_with(b"&")
            || head.ends_with(b";")
            || head.ends_with(b"&amp;")
            || tail.starts_with(b"&")
            || is_pair(tail))
    {
        return Form::Literal;
    }
    // `host=a,password=v!1,ssl=True`: pairs parted by commas, and no call.
    let inside = head.rsplit(|byte| b"\"'".contains(byte)).next().unwrap_or(head);
    let (opened, pair) = (inside.contains(&b'('), head.ends_with(b",") && head.contains(&b'='));
    let told = !identifier || has_digit(value) && !value.contains(&b'_');
    if query && !opened && told && (pair || tail.starts_with(b",") && is_pair_text(&tail[1..])) {
        return Form::Literal;
    }
    // `"db.password=value"`, `"X-Api-Key: value"`: the string is the pair.
    if let Some(quote @ (b'"' | b'\'')) = tail.first()
        && head.ends_with(&[*quote])
        && !gap
        && (between == b"=" || between == b": ")
        && (has_digit(value) || value.len() >= 16)
    {
        return Form::Literal;
    }
    // `$password = value`, `this.password = value`, `*password = value`: code.
    let member =
        [&b"$"[..], b"this.", b"self.", b"->", b"&", b"*", b"::", b"@"].iter().any(|mark| head.ends_with(mark));
    let member = member && !head.ends_with(b"**") || name.text.starts_with(b"this.") || name.text.starts_with(b"self.");
    if member {
        return Form::Expression;
    }
    let code = is_code(head, rest, gap);
    if code {
        return if hard && value.len() >= 16 && !value.contains(&b'.') { Form::Doubtful } else { Form::Expression };
    }
    match operator {
        b"=" | b":" | b"?=" | b":=" | b"==" | b"::" if !rest.is_empty() && !tail.starts_with(b"\n") && gap => {
            // Words follow: a sentence, or a command after `NAME=value`.
            let env = operator == b"=" && between == b"=" && is_upper(name.text);
            let pairs = is_pair_text(rest) || head.split(|byte| byte.is_ascii_whitespace()).any(is_pair_text);
            let comment = operator == b"=" && pairs
                || rest.starts_with(b"#")
                || rest.starts_with(b"//")
                || rest.starts_with(b"--")
                || rest.starts_with(b"\\")
                || rest.starts_with(b"|")
                || rest.starts_with(b"-");
            if env || comment || hard {
                if env || comment { Form::Literal } else { Form::Doubtful }
            } else {
                Form::Doubtful
            }
        }
        b"=" | b"?=" | b":=" | b":" | b"::" | b"=>" => Form::Literal,
        b"%" | b"%3" => Form::Literal,
        b"" if between.iter().all(|byte| b" \t".contains(byte)) => {
            // `requirepass value`, `password value` as a line of its own.
            if matches!(head.trim_ascii(), b"" | b"ENV" | b"setenv" | b"-" | b"set -x" | b"set -gx" | b"set -Ux")
                && rest.is_empty()
                && has_digit(value)
            {
                Form::Literal
            } else if hard {
                Form::Doubtful
            } else {
                Form::Expression
            }
        }
        // `the password is value`
        b"" if has_digit(value) => {
            if hard || rest.is_empty() {
                Form::Literal
            } else {
                Form::Doubtful
            }
        }
        _ => {
            if hard {
                Form::Doubtful
            } else {
                Form::Expression
            }
        }
    }
}

/// What ends a comment on its line.
const COMMENT_ENDS: &[&[u8]] = &[b"*/", b"-->", b"#}", b"--%>", b"%>", b"=#", b"*)", b"-}"];

/// The beginning of a line without the mark that opens a comment.
fn without_comment(head: &[u8]) -> &[u8] {
    const MARKS: &[&[u8]] = &[b"/*", b"<!--", b"{#", b"<%--", b"<%#", b"#=", b"(*", b"{-"];
    let start = head.trim_ascii_start();
    MARKS.iter().find_map(|mark| start.strip_prefix(*mark)).unwrap_or(head)
}

/// Whether the line around an unquoted value is that of a programming language.
fn is_code(head: &[u8], rest: &[u8], gap: bool) -> bool {
    const BEGINS: &[&[u8]] = &[
        b"var ",
        b"let ",
        b"const ",
        b"return ",
        b"func ",
        b"fn ",
        b"def ",
        b"if ",
        b"if(",
        b"elif ",
        b"else ",
        b"for ",
        b"while ",
        b"new ",
        b"public ",
        b"private ",
        b"protected ",
        b"static ",
        b"final ",
        b"val ",
        b"import ",
        b"from ",
        b"class ",
        b"assert",
        b"await ",
        b"yield ",
        b"throw ",
        b"case ",
        b"String ",
        b"string ",
        b"char ",
        b"auto ",
        b"int ",
        b"* @",
        b"@param",
        b"type ",
        b"interface ",
        b"self.",
        b"this.",
        b"lambda",
        b"function",
    ];
    let start = head.trim_ascii_start();
    let opened = head.iter().filter(|byte| b"([{".contains(byte)).count()
        > head.iter().filter(|byte| b")]}".contains(byte)).count();
    let ends = match rest.first() {
        Some(b';' | b')' | b'(' | b'[' | b'?' | b'+' | b'.') => true,
        Some(b',' | b'}' | b']') => true,
        Some(b'{' | b'*' | b'=' | b'<' | b'>') => gap,
        Some(b'&' | b'|') => rest.len() > 1 && rest[0] == rest[1] && gap,
        _ => {
            rest.starts_with(b"if ")
                || rest.starts_with(b"or ")
                || rest.starts_with(b"and ")
                || rest.starts_with(b"else")
                || rest.starts_with(b"unless ")
        }
    };
    ends || opened || BEGINS.iter().any(|begin| start.starts_with(begin))
}

/// `user=app` in a line of such pairs.
fn is_pair_text(text: &[u8]) -> bool {
    let name = text.iter().take_while(|byte| is_name_byte(**byte)).count();
    name > 0
        && text.get(name) == Some(&b'=')
        && text.get(name + 1).is_some_and(|byte| !byte.is_ascii_whitespace() && *byte != b'=')
}

/// `;User=` after a value.
fn is_pair(tail: &[u8]) -> bool {
    let Some(rest) = tail.strip_prefix(b";") else { return false };
    let name = rest.iter().take(40).take_while(|byte| is_name_byte(**byte) || **byte == b' ').count();
    name == 0 && rest.is_empty() || rest.get(name) == Some(&b'=') || rest.starts_with(b"\"")
}

fn is_identifier(value: &[u8]) -> bool {
    value.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte))
}

fn has_digit(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
}

fn is_upper(name: &[u8]) -> bool {
    !name.iter().any(u8::is_ascii_lowercase)
}

/// The line before a place.
fn head(bytes: &[u8], at: usize) -> &[u8] {
    let from = at.saturating_sub(REACH);
    let head = &bytes[from..at];
    head.iter().rposition(|byte| *byte == b'\n').map_or(head, |newline| &head[newline + 1..])
}

/// The line after a place.
fn tail(bytes: &[u8], at: usize) -> &[u8] {
    let tail = &bytes[at..bytes.len().min(at + REACH)];
    let line = memchr::memchr(b'\n', tail).map_or(tail, |newline| &tail[..newline]);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether the line says that the value passes by itself: a token against forged requests, a password that a framework
/// makes anew at each start, a token in an address of this very machine.
pub(super) fn is_passing(bytes: &[u8], name: &Name<'_>, span: &Range<usize>) -> bool {
    const FORGED: &[&[u8]] = &[b"csrf", b"xsrf"];
    let (head, tail) = (head(bytes, name.start), tail(bytes, span.end));
    let says = |text: &[u8], words: &[&[u8]]| {
        let lower = text.to_ascii_lowercase();
        words.iter().any(|word| memchr::memmem::find(&lower, word).is_some())
    };
    let around = &bytes[name.start.saturating_sub(80)..bytes.len().min(span.end + 80)];
    let token = says(name.text, &[b"token"]) || says(name.text, &[b"secret"]);
    if token && says(around, FORGED) || head.ends_with(b"Using generated security ") {
        return true;
    }
    // Of an address, what names the host stands last before the query.
    let query = tail.first().is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let at = memchr::memmem::rfind(head, b"://").filter(|_| query && (head.ends_with(b"?") || head.ends_with(b"&")));
    at.is_some_and(|at| {
        let host = &head[at + 3..];
        let host = &host[..host.iter().take_while(|byte| !b"/:?".contains(byte)).count()];
        matches!(host, b"localhost" | b"127.0.0.1" | b"0.0.0.0" | b"[")
    })
}

/// Whether the lines around a value are those of a cipher's test vectors: hex in rows, with the names that those have.
pub(super) fn is_test_vector(bytes: &[u8], span: &Range<usize>, value: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "plaintext",
        "ciphertext",
        "cleartext",
        "ct",
        "pt",
        "aad",
        "tag",
        "digest",
        "expected",
        "vector",
        "vectors",
        "kat",
        "okm",
        "ikm",
        "prk",
        "nonce",
        "signature",
        "wrapped",
        "mac",
        "testcase",
    ];
    let binary = value.iter().all(|byte| byte.is_ascii_hexdigit() || b"+/=xX".contains(byte));
    if !binary {
        return false;
    }
    let around = &bytes[span.start.saturating_sub(REACH)..bytes.len().min(span.end + REACH)];
    let mut names =
        around.split(|byte| !byte.is_ascii_alphabetic()).map(|word| String::from_utf8_lossy(word).to_ascii_lowercase());
    names.any(|word| NAMES.contains(&word.as_str()))
}

/// Whether the line speaks of digests, identifiers or revisions.
pub(super) fn speaks_of_digests(bytes: &[u8], span: &Range<usize>) -> bool {
    const NAMES: &[&str] = &[
        "sha",
        "md",
        "digest",
        "checksum",
        "hash",
        "hashes",
        "hashed",
        "integrity",
        "commit",
        "revision",
        "rev",
        "etag",
        "fingerprint",
        "uuid",
        "guid",
        "hexdigest",
        "crc",
        "blob",
        "hexdigit",
    ];
    let line = head(bytes, span.start).iter().chain(tail(bytes, span.end)).copied().collect::<Vec<u8>>();
    super::words::words(&line).iter().any(|word| NAMES.contains(&word.as_str()))
}
