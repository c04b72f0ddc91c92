//! Places that are lent: whoever changes one changes the rules of all practices that work there.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::ids::{ClinicId, OperatoryId, TenantId};
use schema::schema::{assignments, operatories};
use schema::tenancy::{self, Access};

use crate::app::App;
use crate::problem::Problem;
use crate::rest::rules::{self, Changed, Rules};

/// A clinic with all its operatories, or one of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Clinic(ClinicId),
    Operatory(OperatoryId),
}

impl Place {
    /// Runs `work`, which changes the place, and answers with the visits of all practices that
    /// this leaves out; whose they are, a super admin does not hear.
    ///
    /// # Errors
    /// 404 for a place that there is not; what `work` answers, and then nothing is changed.
    pub(super) async fn change<T>(
        self,
        app: &App,
        access: &Access,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Problem>,
    ) -> Result<Changed<T>, Problem> {
        let (clinic, tenants) = tenancy::transaction(&app.app_pool, access, async |connection| {
            let clinic = self.clinic(connection).await?;
            Ok::<_, Problem>((clinic, self.tenants(connection).await?))
        })
        .await?;
        let rules = Rules::Clinic(clinic);
        rules::change_and_tell(app, access, rules, &tenants, false, work).await
    }

    async fn clinic(self, connection: &mut AsyncPgConnection) -> QueryResult<ClinicId> {
        match self {
            Self::Clinic(id) => Ok(id),
            Self::Operatory(id) => {
                let of = operatories::table.find(id).select(operatories::clinic_id);
                of.first(connection).await
            }
        }
    }

    /// The practices that anything is lent to there.
    async fn tenants(self, connection: &mut AsyncPgConnection) -> QueryResult<Vec<TenantId>> {
        let query = assignments::table
            .inner_join(operatories::table)
            .select(assignments::tenant_id)
            .distinct()
            .order(assignments::tenant_id)
            .into_boxed();
        let query = match self {
            Self::Clinic(id) => query.filter(operatories::clinic_id.eq(id)),
            Self::Operatory(id) => query.filter(operatories::id.eq(id)),
        };
        query.load(connection).await
    }
}
