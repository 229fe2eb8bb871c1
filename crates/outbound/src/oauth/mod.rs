//! Signing in to remote servers: the client side of OAuth 2.1 as MCP uses it (protocol.md
//! section 1.19).
//!
//! A [`SignIn`] belongs to one declared server. It gives the token that a request carries, and is
//! told what the server refuses; it then refreshes, signs in by itself where that is configured,
//! or says that a person must. A [`Login`] is that person's way. What must last is kept by a
//! [`Vault`], which this module only names. It deliberately does not know MCP, open a browser or
//! listen anywhere.

mod error;
pub use error::SignInError;

mod challenge;
pub use challenge::Challenge;

mod form;
pub use form::parse_query;

mod fetch;

mod discovery;

mod account;
pub use account::{Account, Client, Held, Made, Tokens, Vault};

mod register;

mod grant;

mod login;
pub use login::{Login, Pending};

mod sign_in;
pub use sign_in::{SignIn, Trial};
