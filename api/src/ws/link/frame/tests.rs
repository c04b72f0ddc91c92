//! Frames as bytes, held against the library's own reading of them.

use actix_codec::Decoder;
use actix_http::ws::{self, Codec, Item};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A client's frame on the wire.
fn bytes(first: u8, length: &[u8], mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend_from_slice(length);
    bytes[1] |= MASKED;
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

fn taken(bytes: &[u8]) -> Result<Option<Frame>, Broken> {
    take(&mut BytesMut::from(bytes))
}

#[test]
fn what_is_no_frame_of_a_client_is_refused_by_its_head() {
    let unmasked = [0x81, 0x01];
    let huge = [[0x81, 0xff].as_slice(), &[0xff; 8]].concat();
    let more_than_may = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1];
    let reserved = [0xc1, 0x80];
    let unknown = [0x83, 0x80];
    let half_a_ping = [0x09, 0x80];
    let long_ping = [0x89, 0xfe, 0, 126];
    for (head, expected) in [
        (&unmasked[..], Err(Broken::Malformed)),
        (&huge, Err(Broken::TooLong)),
        (&more_than_may, Err(Broken::TooLong)),
        (&reserved, Err(Broken::Malformed)),
        (&unknown, Err(Broken::Malformed)),
        (&half_a_ping, Err(Broken::Malformed)),
        (&long_ping, Err(Broken::Malformed)),
        (&[], Ok(None)),
        (&[0x81], Ok(None)),
        (&[0x81, 0xfe], Ok(None)),
        (&[0x81, 0x80, 1, 2, 3], Ok(None)),
        // 64 KiB are allowed.
        (&[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], Ok(None)),
    ] {
        assert_eq!(taken(head), expected, "{head:x?}");
    }
}

#[test]
fn heads_have_the_shortest_length() {
    for (length, expected) in [
        (0, &[0x81, 0][..]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (255, &[0x81, 126, 0, 255]),
        (256, &[0x81, 126, 1, 0]),
        (65_535, &[0x81, 126, 0xff, 0xff]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        assert_eq!(Head::of(Kind::Text, length).as_bytes(), expected);
    }
}

/// What the library makes of a frame that begins a message or stands alone.
fn library(bytes: &[u8]) -> Option<Option<Frame>> {
    let mut unread = BytesMut::from(bytes);
    let mut codec = Codec::new().max_size(FRAME_BYTES_MAX);
    let frame = |kind, last, payload| {
        Some(Some(Frame {
            kind,
            last,
            payload,
        }))
    };
    match codec.decode(&mut unread) {
        Ok(None) => Some(None),
        Ok(Some(ws::Frame::Text(payload))) => frame(Kind::Text, true, payload),
        Ok(Some(ws::Frame::Binary(payload))) => frame(Kind::Binary, true, payload),
        Ok(Some(ws::Frame::Ping(payload))) => frame(Kind::Ping, true, payload),
        Ok(Some(ws::Frame::Pong(payload))) => frame(Kind::Pong, true, payload),
        Ok(Some(ws::Frame::Continuation(Item::FirstText(payload)))) => {
            frame(Kind::Text, false, payload)
        }
        Ok(Some(ws::Frame::Continuation(Item::FirstBinary(payload)))) => {
            frame(Kind::Binary, false, payload)
        }
        Ok(Some(ws::Frame::Continuation(_) | ws::Frame::Close(_))) => unreachable!(),
        Err(_) => None,
    }
}

proptest! {
    #[test]
    fn frames_are_read_as_the_library_reads_them(
        opcode in prop::sample::select(vec![1, 2, 9, 10, 3, 7, 11, 15]),
        flags in prop::sample::select(vec![0x80, 0, 0xc0, 0xa0, 0x90]),
        mask: [u8; 4],
        payload in vec(any::<u8>(), 0..400),
        cut in 0_usize..420,
    ) {
        let short = u8::try_from(payload.len()).ok().filter(|short| *short < TWO);
        let length = short.map_or_else(
            || {
                let long = u16::try_from(payload.len()).unwrap().to_be_bytes();
                vec![TWO, long[0], long[1]]
            },
            |short| vec![short],
        );
        let mut bytes = bytes(flags | opcode, &length, mask, &payload);
        bytes.truncate(cut);
        let ours = taken(&bytes);
        // We refuse by the head what the library would wait for.
        match library(&bytes) {
            Some(Some(frame)) => prop_assert_eq!(ours, Ok(Some(frame))),
            Some(None) => prop_assert!(ours.is_err() || ours == Ok(None)),
            None => prop_assert_eq!(ours, Err(Broken::Malformed)),
        }
    }

    #[test]
    fn frames_that_follow_each_other_come_one_after_the_other(
        payloads in vec(vec(any::<u8>(), 0..100), 1..5),
        mask: [u8; 4],
    ) {
        let mut unread = BytesMut::new();
        for payload in &payloads {
            let length = u8::try_from(payload.len()).unwrap();
            unread.extend_from_slice(&bytes(0x82, &[length], mask, payload));
        }
        for payload in payloads {
            let frame = take(&mut unread).unwrap().unwrap();
            prop_assert_eq!(frame.payload, payload);
        }
        prop_assert!(unread.is_empty());
    }
}
