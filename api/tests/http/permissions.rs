//! `docs/PERMISSIONS.md` says what the code says: roles × permissions, routes × rules, frames × rules.

use std::fmt::Write;

use api::auth::access::AccessRule;
use api::auth::permissions::{Permission, Role};
use api::routes;
use api::ws::kinds::Kind;
use expect_test::expect_file;

const INTRODUCTION: &str = "# Who may do what

Written from the code by `api/tests/http/permissions.rs`: change the code, then run
`UPDATE_EXPECT=1 cargo test -p api --test http permissions`.

## Roles and permissions

A membership has a role and permissions. A new member gets the permissions of the role as below; whoever
may manage staff changes them for each member, and nobody grants what they lack. The owner always has all
of them.
";

const STANDINGS: &str = "
Beside the roles in a practice there are two that an account has everywhere:

- `patient`: a patient's record belongs to the account. It opens what is their own, under `/me`, over all
  their dentists, also where the practice is suspended. No permission comes with it.
- `super_admin`: looks after practices, clinics, operatories and assignments, under `/admin`. It opens no
  practice: a super admin without a membership sees no patient and no appointment.
";

const ROUTES: &str = "
## Routes

The columns are the roles with their default permissions; `patient` and `super_admin` are accounts without
a membership. A rule with a permission is asked of the membership, whatever its role. A **change** is
refused with 403 `suspended` while the practice is suspended.
";

const FRAMES: &str = "
## Frames on the WebSocket

The rules of a session's frames; `tenant` in a frame names another of the speaker's practices.
";

/// Which default members, patients and super admins a rule lets pass.
fn columns(rule: AccessRule) -> String {
    let member = |role: Role| match rule {
        AccessRule::Patient | AccessRule::SuperAdmin => false,
        AccessRule::Reads(permission)
        | AccessRule::Changes(permission)
        | AccessRule::Visitor(permission) => role.default_permissions().contains(&permission),
        _ => true,
    };
    let open = matches!(
        rule,
        AccessRule::Public | AccessRule::Secret(_) | AccessRule::SignedIn
    );
    let patient = open || rule == AccessRule::Patient;
    let super_admin = open || rule == AccessRule::SuperAdmin;
    let cells = Role::ALL.iter().map(|(role, _)| member(*role));
    let cells = cells.chain([patient, super_admin]);
    cells.map(|may| if may { " ✓ |" } else { " |" }).collect()
}

fn page() -> String {
    let roles: Vec<&str> = Role::ALL.iter().map(|(_, name)| *name).collect();
    let mut page = INTRODUCTION.to_owned();
    let line = |count: usize| "---|".repeat(count);
    write!(
        page,
        "\n| permission | | {} |\n|{}\n",
        roles.join(" | "),
        line(7)
    )
    .unwrap();
    for permission in Permission::all() {
        let (name, about) = (permission.name(), permission.about());
        write!(page, "| `{name}` | {about} |").unwrap();
        for (role, _) in Role::ALL {
            let has = role.default_permissions().contains(&permission);
            page.push_str(if has { " ✓ |" } else { " |" });
        }
        page.push('\n');
    }
    page.push_str(STANDINGS);
    page.push_str(ROUTES);
    let head = format!(
        "| {} | patient | super_admin |\n|{}\n",
        roles.join(" | "),
        line(9)
    );
    write!(page, "\n| route | for {head}").unwrap();
    for route in routes::ALL {
        let method = route.method.to_uppercase();
        let (path, rule) = (route.path, route.rule);
        let columns = columns(rule);
        writeln!(page, "| `{method} {path}` | {rule} |{columns}").unwrap();
    }
    page.push_str(FRAMES);
    write!(page, "\n| frame | for {head}").unwrap();
    for kind in Kind::ALL {
        let (name, rule) = (kind.name(), kind.rule());
        let columns = columns(rule);
        writeln!(page, "| `{name}` | {rule} |{columns}").unwrap();
    }
    page
}

#[test]
fn the_page_of_permissions_is_up_to_date() {
    expect_file!["../../../docs/PERMISSIONS.md"].assert_eq(&page());
}
