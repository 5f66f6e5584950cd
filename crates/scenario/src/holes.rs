//! Texts with `${holes}`, cut into literals and holes. Nothing is resolved here.

use crate::error::{Fault, ScenarioError};
use crate::source::SpottedText;

/// Names that belong to holes, so that no var or capture can have them.
pub(crate) const RESERVED: [&str; 13] = [
    "id", "uid", "pad", "message", "client", "member", "room", "seq", "stamp", "int", "pick",
    "now", "x",
];

/// Form of a number in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NumberFormat {
    /// Decimal digits without leading zeros.
    Decimal,
    /// One byte.
    U8,
    /// Two bytes, big-endian. An id skips 0 and wraps.
    U16,
    /// Four bytes, big-endian. An id skips 0 and wraps.
    U32,
    /// One to four bytes of seven bits each, the lowest first, as in MQTT.
    Varint,
}

impl NumberFormat {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "u8" => Self::U8,
            "u16" => Self::U16,
            "u32" => Self::U32,
            "varint" => Self::Varint,
            _ => return None,
        })
    }

    /// Name as in a scenario file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Decimal => "digits",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::Varint => "varint",
        }
    }

    /// Largest number of this form.
    pub(crate) fn max(self) -> u64 {
        match self {
            Self::Decimal => u64::MAX,
            Self::U8 => 0xFF,
            Self::U16 => 0xFFFF,
            Self::U32 => 0xFFFF_FFFF,
            Self::Varint => (1 << 28) - 1,
        }
    }
}

/// Unit of a wall-clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

impl ClockUnit {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "s" => Self::S,
            "ms" => Self::Ms,
            "us" => Self::Us,
            "ns" => Self::Ns,
            _ => return None,
        })
    }

    /// Nanoseconds in one of this unit.
    pub(crate) fn in_ns(self) -> u64 {
        match self {
            Self::S => 1_000_000_000,
            Self::Ms => 1_000_000,
            Self::Us => 1_000,
            Self::Ns => 1,
        }
    }
}

/// A client's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ClientNumber {
    Client,
    Member,
    Room,
}

/// A hole as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hole {
    Any,
    Uid,
    Id(NumberFormat),
    Pad,
    Message,
    Number {
        which: ClientNumber,
        width: usize,
    },
    Name {
        name: String,
        format: Option<NumberFormat>,
    },
    Cell {
        table: String,
        column: String,
    },
    Len {
        name: String,
        format: NumberFormat,
    },
    Int {
        low: u64,
        high: u64,
    },
    Pick(Vec<String>),
    Now(ClockUnit),
    Seq,
    Stamp(ClockUnit),
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LexedPart {
    Literal(Vec<u8>),
    /// `at` is the byte of the text where the hole's name begins.
    Hole {
        hole: Hole,
        at: usize,
    },
}

/// Cuts a text into literals and holes.
pub(crate) fn lex(text: &SpottedText) -> Result<Vec<LexedPart>, ScenarioError> {
    let mut parts = Vec::new();
    let mut literal = Vec::new();
    let value = text.value.as_str();
    let mut at = 0;
    while let Some(found) = value[at..].find("${") {
        let dollar = at + found;
        let is_escaped = value[at..dollar].ends_with('$');
        literal.extend_from_slice(&value.as_bytes()[at..dollar]);
        if is_escaped {
            // The literal's last byte is the first `$` of `$${`.
            literal.push(b'{');
            at = dollar + 2;
            continue;
        }
        let name_at = dollar + 2;
        let Some(length) = value[name_at..].find('}') else {
            return Err(Fault::Unclosed.at(text.place_within(dollar)));
        };
        let name = &value[name_at..name_at + length];
        at = name_at + length + 1;
        match parse_hole(name)
            .map_err(|(offset, fault)| fault.at(text.place_within(name_at + offset)))?
        {
            ParsedHole::Bytes(bytes) => literal.extend_from_slice(&bytes),
            ParsedHole::Hole(hole) => {
                if !literal.is_empty() {
                    parts.push(LexedPart::Literal(std::mem::take(&mut literal)));
                }
                parts.push(LexedPart::Hole { hole, at: name_at });
            }
        }
    }
    literal.extend_from_slice(&value.as_bytes()[at..]);
    if !literal.is_empty() {
        parts.push(LexedPart::Literal(literal));
    }
    Ok(parts)
}

enum ParsedHole {
    Hole(Hole),
    Bytes(Vec<u8>),
}

/// A fault and the byte of the hole's text where it lies.
type HoleFault = (usize, Fault);

fn parse_hole(text: &str) -> Result<ParsedHole, HoleFault> {
    if text == "*" {
        return Ok(ParsedHole::Hole(Hole::Any));
    }
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let wrong = |wanted| {
        let text = argument.unwrap_or_default().to_owned();
        let offset = argument.map_or(0, |_| name.len() + 1);
        (offset, Fault::HoleArgument { text, wanted })
    };
    let no_argument = |hole| match argument {
        None => Ok(hole),
        Some(_) => Err(wanted_nothing(name, argument)),
    };
    let hole = match name {
        "x" => {
            return parse_bytes(argument.unwrap_or_default())
                .map(ParsedHole::Bytes)
                .ok_or_else(|| wrong("a row of bytes: two hexadecimal digits for each"));
        }
        "uid" => no_argument(Hole::Uid)?,
        "pad" => no_argument(Hole::Pad)?,
        "message" => no_argument(Hole::Message)?,
        "seq" => no_argument(Hole::Seq)?,
        "id" => Hole::Id(match argument {
            None => NumberFormat::Decimal,
            Some("u16") => NumberFormat::U16,
            Some("u32") => NumberFormat::U32,
            Some(_) => return Err(wrong("u16 or u32")),
        }),
        "client" | "member" | "room" => Hole::Number {
            which: client_number(name),
            width: match argument {
                None => 0,
                Some(text) => parse_width(text).ok_or_else(|| wrong("a width such as 06"))?,
            },
        },
        "int" => parse_range(argument.unwrap_or_default())
            .map(|(low, high)| Hole::Int { low, high })
            .ok_or_else(|| wrong("a range such as 1..99"))?,
        "pick" => match argument {
            Some(options) if !options.is_empty() => {
                Hole::Pick(options.split('|').map(str::to_owned).collect())
            }
            _ => return Err(wrong("a list such as a|b")),
        },
        "now" | "stamp" => {
            let unit =
                ClockUnit::parse(argument.unwrap_or_default()).ok_or_else(|| match argument {
                    Some(_) => wrong("a unit: ns, us, ms or s"),
                    None => (0, Fault::NoUnit(name.to_owned())),
                })?;
            if name == "now" {
                Hole::Now(unit)
            } else {
                Hole::Stamp(unit)
            }
        }
        _ => parse_name(name, argument, wrong)?,
    };
    Ok(ParsedHole::Hole(hole))
}

fn client_number(name: &str) -> ClientNumber {
    match name {
        "client" => ClientNumber::Client,
        "member" => ClientNumber::Member,
        _ => ClientNumber::Room,
    }
}

fn wanted_nothing(name: &str, argument: Option<&str>) -> HoleFault {
    let text = argument.unwrap_or_default().to_owned();
    let wanted = "known here: this hole has no argument";
    (name.len() + 1, Fault::HoleArgument { text, wanted })
}

/// A var, a capture, a cell of a table, or the length of something.
fn parse_name(
    name: &str,
    argument: Option<&str>,
    wrong: impl Fn(&'static str) -> HoleFault,
) -> Result<Hole, HoleFault> {
    let whole = || match argument {
        Some(argument) => format!("{name}:{argument}"),
        None => name.to_owned(),
    };
    let format = argument.map(NumberFormat::parse);
    let (first, second) = match name.split_once('.') {
        Some((first, second)) => (first, Some(second)),
        None => (name, None),
    };
    let is_cell = second.is_some() && first != "len";
    if !is_name(first)
        || second.is_some_and(|second| !(is_name(second) || is_cell && !second.is_empty()))
    {
        return Err((0, Fault::NoName(whole())));
    }
    let format = match format {
        Some(None) => return Err(wrong("a format: u8, u16, u32 or varint")),
        Some(Some(format)) => Some(format),
        None => None,
    };
    Ok(match second {
        None => Hole::Name {
            name: name.to_owned(),
            format,
        },
        Some(of) if first == "len" => Hole::Len {
            name: of.to_owned(),
            format: format.unwrap_or(NumberFormat::Decimal),
        },
        Some(_) if format.is_some() => return Err(wanted_nothing(name, argument)),
        Some(column) => Hole::Cell {
            table: first.to_owned(),
            column: column.to_owned(),
        },
    })
}

/// Returns true for a letter or `_` and then letters, digits, `_` and `-`.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b' ')
        .map(|byte| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    (!pairs.is_empty() && rest.is_empty())
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn parse_width(text: &str) -> Option<usize> {
    let width = text.strip_prefix('0')?.parse().ok()?;
    (1..=20).contains(&width).then_some(width)
}

fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (low, high) = text.split_once("..")?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let range: (u64, u64) = (low.parse().ok()?, high.parse().ok()?);
    (digits(low) && digits(high) && range.0 <= range.1).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexed(text: &str) -> Vec<LexedPart> {
        lex(&SpottedText::whole("t", text)).unwrap()
    }

    fn fault(text: &str) -> String {
        lex(&SpottedText::whole("t", text)).unwrap_err().to_string()
    }

    #[test]
    fn a_text_is_cut_at_its_holes() {
        let name = |name: &str, at| LexedPart::Hole {
            hole: Hole::Name {
                name: name.to_owned(),
                format: None,
            },
            at,
        };
        let literal = |text: &[u8]| LexedPart::Literal(text.to_vec());
        assert_eq!(
            lexed("a${b}c"),
            [literal(b"a"), name("b", 3), literal(b"c")]
        );
        assert_eq!(lexed("$${b}${c}"), [literal(b"${b}"), name("c", 7)]);
        assert_eq!(lexed("${x:d0 00}${x:1F}z"), [literal(b"\xd0\x00\x1fz")]);
        assert_eq!(lexed("{{a}} $ {"), [literal(b"{{a}} $ {")]);
        assert_eq!(lexed(""), []);
    }

    #[test]
    fn a_malformed_hole_is_named_with_its_place() {
        assert_eq!(fault("{\"id\":\"${id\"}"), "t:1:10: `id\"` is no name");
        assert_eq!(fault("ab${id"), "t:1:3: this `${` has no `}`");
        assert_eq!(
            fault("${x:3}"),
            "t:1:5: `3` is not a row of bytes: two hexadecimal digits for each"
        );
        assert_eq!(fault("${id:u8}"), "t:1:6: `u8` is not u16 or u32");
        assert_eq!(
            fault("${int:9..1}"),
            "t:1:7: `9..1` is not a range such as 1..99"
        );
        assert_eq!(fault("${}"), "t:1:3: `` is no name");
        assert_eq!(fault("${len.a b}"), "t:1:3: `len.a b` is no name");
    }
}
