//! The bodies about accounts.

use serde_json::json;

use super::{Input, body};
use crate::wire::account;
use crate::wire::account::{
    EMAIL_BYTES_MAX, Login, NAME_CHARACTERS_MAX, NewPassword, PASSWORD_BYTES, Register,
};

pub(super) fn register(input: &Input<'_>) {
    let parts = |taken: Register| {
        let Register {
            name,
            email,
            password,
            refresh,
        } = taken;
        (name, email, password, refresh)
    };
    let taken = body(
        input,
        account::register,
        parts,
        |(name, email, password, refresh)| json!({"name": name, "email": email, "password": password, "refresh": refresh}),
    );
    let Some(((name, email, password, _), tree)) = taken else {
        return;
    };
    assert!((1..=NAME_CHARACTERS_MAX).contains(&name.chars().count()));
    assert!(name == name.trim() && !name.contains(['<', '>', '\0', '\n']));
    assert!(email.contains('@') && email.len() <= EMAIL_BYTES_MAX);
    assert_eq!(email, email.to_lowercase());
    assert!(PASSWORD_BYTES.contains(&password.len()));
    assert_eq!(tree["password"], password);
}

pub(super) fn login(input: &Input<'_>) {
    let parts = |taken: Login| (taken.email, taken.password, taken.refresh);
    let taken = body(
        input,
        account::login,
        parts,
        |(email, password, refresh)| json!({"email": email, "password": password, "refresh": refresh}),
    );
    if let Some(((_, password, _), tree)) = taken {
        assert!(password.len() <= *PASSWORD_BYTES.end());
        assert_eq!(tree["password"], password);
    }
}

pub(super) fn refresh(input: &Input<'_>) {
    let write = |token: &String| json!({"refresh_token": token});
    if let Some((token, tree)) = body(input, account::renewal, |token| token, write) {
        assert_eq!(tree["refresh_token"], token);
    }
}

pub(super) fn password(input: &Input<'_>) {
    let parts = |taken: NewPassword| (taken.current, taken.new, taken.refresh);
    let taken = body(
        input,
        account::new_password,
        parts,
        |(current, new, refresh)| json!({"password": current, "new_password": new, "refresh": refresh}),
    );
    if let Some(((current, new, _), tree)) = taken {
        assert!(PASSWORD_BYTES.contains(&new.len()));
        assert_eq!(
            (&tree["password"], &tree["new_password"]),
            (&current.into(), &new.into())
        );
    }
}

pub(super) fn farewell(input: &Input<'_>) {
    let write = |password: &String| json!({"password": password});
    if let Some((password, tree)) = body(input, account::farewell, |password| password, write) {
        assert!(password.len() <= *PASSWORD_BYTES.end());
        assert_eq!(tree["password"], password);
    }
}
