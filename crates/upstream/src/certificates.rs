//! Certificates on disk, of both sides: when they end to be valid, and what became of following them. And those of
//! clusters, for whoever follows them.

use std::sync::Arc;

use causeway_model::CommonTls;
use causeway_stats::{Registry, Scope, ScopeName, schema};
use causeway_tls::follow::{Followed, ReadSecrets, ShownCertificates, files_of};
use causeway_tls::identity::{Authorities, Identity};

use crate::cluster::Cluster;
use crate::sockets::{Socket, ready};

schema! {
    /// `….ssl.certificate.<name>.`
    pub enum CertificateStat {
        /// When the certificate ends to be valid, in seconds since 1970.
        ExpirationUnixTimeSeconds = gauge "expiration_unix_time_seconds",
    }
}

schema! {
    /// `….ssl.causeway_certificates.`: not Envoy's.
    pub enum RenewalStat {
        /// Files that changed and are used.
        Renewed = counter "renewed",
        /// Files that changed and can't be used.
        RenewalFailed = counter "renewal_failed",
        /// 1 while what was there before is used in place of what is there now.
        Stale = gauge "stale",
    }
}

/// What Envoy calls a certificate that has no name: the beginning of the hash of nothing.
const UNNAMED: &str = "unnamed_cert_e3b0c442";
/// The same for authorities.
const UNNAMED_AUTHORITY: &str = "unnamed_ca_cert_e3b0c442";

/// The scopes of the certificates of a context.
#[derive(Debug)]
pub struct CertificateScopes {
    renewal: Scope<RenewalStat>,
    /// For each certificate.
    own: Vec<Scope<CertificateStat>>,
    authority: Option<Scope<CertificateStat>>,
}

impl CertificateScopes {
    /// Those below `….ssl`.
    #[must_use]
    pub fn new(registry: &Registry, ssl: &ScopeName, common: &CommonTls) -> Self {
        let named = |name: &str, otherwise: &str| {
            let name = if name.is_empty() { otherwise } else { name };
            registry.scope(ssl.clone().then("certificate").tagged("envoy.tls_certificate", name))
        };
        Self {
            renewal: registry.scope(ssl.clone().then("causeway_certificates")),
            own: common.certificates.iter().map(|secret| named(&secret.name, UNNAMED)).collect(),
            authority: common.validation.as_ref().map(|validation| {
                let name = validation.secret.as_ref().map(|secret| &*secret.name).unwrap_or_default();
                named(name, UNNAMED_AUTHORITY)
            }),
        }
    }

    /// Shows when certificates end to be valid; of several without a name the last, as Envoy does.
    pub fn show_expiry(&self, identities: &[Arc<Identity>], authorities: &Authorities, shard: usize) {
        for (scope, identity) in self.own.iter().zip(identities) {
            scope.shard(shard).set(CertificateStat::ExpirationUnixTimeSeconds, identity.expires());
        }
        if let (Some(scope), Some(first)) = (&self.authority, authorities.facts.first()) {
            scope.shard(shard).set(CertificateStat::ExpirationUnixTimeSeconds, first.not_after);
        }
    }

    /// What is on disk now is used.
    pub fn renewed(&self, shard: usize) {
        let renewal = self.renewal.shard(shard);
        renewal.inc(RenewalStat::Renewed);
        renewal.set(RenewalStat::Stale, 0);
    }

    /// What is on disk now can't be used.
    pub fn renewal_failed(&self, shard: usize) {
        let renewal = self.renewal.shard(shard);
        renewal.inc(RenewalStat::RenewalFailed);
        renewal.set(RenewalStat::Stale, 1);
    }
}

impl Cluster {
    /// Everything of it that is made of certificates.
    #[must_use]
    pub fn followed(self: &Arc<Self>) -> Vec<Arc<dyn Followed>> {
        let speaks_tls =
            |socket: &&Arc<Socket>| socket.tls.as_ref().is_some_and(|tls| tls.context().is_some());
        let followed = |socket: &Arc<Socket>| -> Arc<dyn Followed> {
            Arc::new(Certificates { cluster: Arc::clone(self), socket: Arc::clone(socket) })
        };
        self.sockets().all().filter(speaks_tls).map(followed).collect()
    }
}

/// The certificates of a transport socket.
#[derive(Debug)]
struct Certificates {
    cluster: Arc<Cluster>,
    socket: Arc<Socket>,
}

impl Followed for Certificates {
    fn what(&self) -> String {
        format!("cluster {}", self.cluster.name())
    }

    fn files(&self) -> Vec<Arc<str>> {
        let context = self.socket.tls.as_ref().and_then(|tls| tls.context());
        context.map(|context| files_of(&context.config().common)).unwrap_or_default()
    }

    fn renew(&self, secrets: &ReadSecrets<'_>) -> Result<(), String> {
        let Some((tls, context)) = self.socket.tls.as_ref().and_then(|tls| Some((tls, tls.context()?)))
        else {
            return Ok(());
        };
        let by_secret = context.renew(secrets)?;
        let main = self.cluster.registry().main_shard();
        tls.scopes().renewed(main);
        tls.show_expiry(main);
        if by_secret {
            self.cluster.sockets().count_update_by_secret(main);
        }
        Ok(())
    }

    fn renewal_failed(&self) {
        if let Some(tls) = &self.socket.tls {
            tls.scopes().renewal_failed(self.cluster.registry().main_shard());
        }
    }

    fn certificates(&self) -> ShownCertificates {
        let state = self.socket.tls.as_ref().and_then(|tls| tls.settings().ok());
        let settings = state.as_deref().and_then(ready);
        let shown = settings
            .map(|settings| ShownCertificates::of(settings.identity.as_slice(), &settings.authorities));
        shown.unwrap_or_default()
    }
}
