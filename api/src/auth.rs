//! Who asks, and what they may do. [`principal::authenticate`] and [`principal::member_of`] answer
//! both for REST and for the WebSocket.

pub mod access;
pub mod api_keys;
pub mod oidc;
pub mod password;
pub mod permissions;
pub mod principal;
pub mod remembered;
pub mod sessions;
pub mod throttle;
pub mod tokens;
