//! A frame's bytes (RFC 6455, 5.2). Pure.

use actix_web::web::{Buf, Bytes, BytesMut};

use super::Broken;
use crate::ws::FRAME_BYTES_MAX;

const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
/// The length is in the next two bytes.
const TWO: u8 = 126;
/// The length is in the next eight bytes.
const EIGHT: u8 = 127;
/// A control frame carries at most this much.
const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    fn of(opcode: u8) -> Option<Self> {
        Some(match opcode {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    fn opcode(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A client's frame, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    /// Whether the message ends with it.
    pub last: bool,
    pub payload: Bytes,
}

/// Takes a client's frame from the front of `unread`; `None` until all of it is there. What cannot
/// become a frame is refused as soon as its head tells.
///
/// # Errors
/// What is wrong with it.
pub fn take(unread: &mut BytesMut) -> Result<Option<Frame>, Broken> {
    let &[first, second, ..] = &unread[..] else {
        return Ok(None);
    };
    let kind = Kind::of(first & 0x0f).ok_or(Broken::Malformed)?;
    let last = first & LAST != 0;
    // No extension is agreed on that would give the reserved bits a meaning.
    if first & RESERVED != 0 || second & MASKED == 0 || kind.is_control() && !last {
        return Err(Broken::Malformed);
    }
    let extended = match second & LENGTH {
        TWO => 2,
        EIGHT => 8,
        _ => 0,
    };
    let Some((length, rest)) = unread[2..].split_at_checked(extended) else {
        return Ok(None);
    };
    let length = match extended {
        0 => u64::from(second & LENGTH),
        _ => length
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    let length = usize::try_from(length).map_err(|_| Broken::TooLong)?;
    if kind.is_control() && length > CONTROL_BYTES_MAX {
        return Err(Broken::Malformed);
    }
    if length > FRAME_BYTES_MAX {
        return Err(Broken::TooLong);
    }
    let Some(&mask) = rest.first_chunk::<4>() else {
        return Ok(None);
    };
    let head = 2 + extended + mask.len();
    if unread.len() < head + length {
        return Ok(None);
    }
    unread.advance(head);
    let mut payload = unread.split_to(length);
    unmask(&mut payload, mask);
    Ok(Some(Frame {
        kind,
        last,
        payload: payload.freeze(),
    }))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, mask) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

/// What stands before a payload that the server sends, in a whole frame without a mask.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; 10],
    length: usize,
}

impl Head {
    /// Of a frame whose payload has `length` bytes.
    #[must_use]
    pub fn of(kind: Kind, length: usize) -> Self {
        let mut bytes = [0; 10];
        bytes[0] = LAST | kind.opcode();
        let length = match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short < TWO => {
                bytes[1] = short;
                2
            }
            (_, Ok(long)) => {
                bytes[1] = TWO;
                bytes[2..4].copy_from_slice(&long.to_be_bytes());
                4
            }
            _ => {
                bytes[1] = EIGHT;
                bytes[2..].copy_from_slice(&(length as u64).to_be_bytes());
                10
            }
        };
        Self { bytes, length }
    }

    /// As sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests;
