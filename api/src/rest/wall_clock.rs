//! Times of the day on the wire: `09:00`, in the clinic's zone; `24:00` is its midnight's end.

/// Minutes of the day as `HH:MM`.
#[must_use]
pub fn text(minute: i16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn minutes_read_as_a_clock() {
        assert_eq!([0, 545, 1440].map(super::text), ["00:00", "09:05", "24:00"]);
    }
}
