//! Whose keys and memories a principal has. There is one person at a machine until people sign in:
//! what one of their clients was told, the others shall know, whichever door they came in by.

/// Names of the person at this machine: over the daemon's own socket and `serve`, over loopback
/// without a token, and with the one token of the listener.
const DOORS: [&str; 3] = ["local", "anonymous-loopback", "token"];

/// The name under which what belongs to `principal` is kept.
pub(crate) fn of(principal: &str) -> &str {
    if DOORS.contains(&principal) { DOORS[0] } else { principal }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn every_door_leads_to_one_person_and_others_are_others() {
        assert_eq!([of("local"), of("anonymous-loopback"), of("token")], ["local"; 3]);
        assert_eq!(of("bob"), "bob");
    }
}
