//! The macro behind [`super::Config`]: one entry gives the field, its default, its environment
//! variable and its lines in the documented file.

use secrecy::SecretString;

/// A value that can stand in a TOML file.
pub(super) trait Setting {
    /// The value as TOML; `None` where there is no value, or none that may be shown.
    fn toml(&self) -> Option<String>;
}

impl Setting for String {
    fn toml(&self) -> Option<String> {
        Some(toml::Value::from(self.as_str()).to_string())
    }
}

impl Setting for Option<SecretString> {
    fn toml(&self) -> Option<String> {
        None
    }
}

macro_rules! numbers {
    ($($kind:ty),+) => {$(
        impl Setting for $kind {
            fn toml(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )+};
}
numbers!(u16, u32, u64, usize);

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $key:ident: $kind:ty = $default:expr, $variable:literal;)+) => {
        /// Everything that can be set; see `config/default.toml` for the same as a file.
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $key: $kind,)+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        /// Each key with its environment variable.
        const VARIABLES: &[(&str, &str)] = &[$((stringify!($key), $variable)),+];

        /// The defaults as a documented file.
        #[must_use]
        pub fn default_toml() -> String {
            let defaults = Config::default();
            let mut text = String::from(concat!(
                "# Generated from api/src/config.rs, never edited: every setting with its default.\n",
                "# Name a file with your own values in DENTICLOUD_CONFIG; the variable in brackets\n",
                "# wins over it.\n",
            ));
            $(
                text.push('\n');
                for line in [$($doc),+] {
                    text.push_str(&format!("#{line}\n"));
                }
                text.push_str(concat!("# [", $variable, "]\n"));
                match Setting::toml(&defaults.$key) {
                    Some(value) => text.push_str(&format!("{} = {value}\n", stringify!($key))),
                    None => text.push_str(concat!("# ", stringify!($key), " = \"…\"\n")),
                }
            )+
            text
        }
    };
}
pub(super) use settings;
