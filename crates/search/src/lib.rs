//! Which tool or server fits a text: offline, in microseconds, with reasons. It deliberately knows no
//! transport and no storage: texts and bytes go in, values come out.
