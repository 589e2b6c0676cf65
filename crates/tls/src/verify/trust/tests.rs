//! Chains of certificates, good and bad, made on the spot.

use std::time::Duration;

use causeway_model::{SanKind, StringMatch, StringMatcher};
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::*;

/// A certificate with what signs in its name.
struct Made {
    der: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["lab.test".to_owned(), "*.lab.test".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.subject_alt_names.clear();
    params
}

fn made(params: CertificateParams, by: Option<&Made>) -> Made {
    let key = KeyPair::generate().unwrap();
    let certificate = match by {
        Some(by) => params.signed_by(&key, &by.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    Made { der: certificate.der().clone(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
}

fn crl(by: &Made, revoked: &[u64]) -> String {
    let revoked = revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2021, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2021, 1, 1),
        next_update: date_time_ymd(2080, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&by.issuer).unwrap().pem().unwrap()
}

fn inline(pem: &str) -> Option<DataSource> {
    Some(DataSource::Inline(pem.as_bytes().into()))
}

fn trusting(pem: &str) -> CertificateValidation {
    CertificateValidation { trusted_ca: inline(pem), ..CertificateValidation::default() }
}

fn verify(config: &CertificateValidation, leaf: &Made, others: &[&Made]) -> Result<(), RejectionKind> {
    let others: Vec<_> = others.iter().map(|made| made.der.clone()).collect();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_790_000_000));
    let trust = Trust::load(config, Role::Server).unwrap();
    trust.verify(&leaf.der, &others, None, now).map_err(|rejection| {
        assert!(!rejection.words.is_empty() && !rejection.evidence.is_empty(), "{rejection:?}");
        rejection.kind
    })
}

#[test]
fn a_way_leads_from_the_certificate_to_one_that_is_trusted() {
    let (root, other) = (made(authority("root"), None), made(authority("other"), None));
    let between = made(authority("between"), Some(&root));
    let leaf = made(params("leaf"), Some(&between));
    assert_eq!(verify(&trusting(&root.pem), &leaf, &[&between]), Ok(()));
    assert_eq!(verify(&trusting(&between.pem), &leaf, &[]), Ok(()), "one in the middle may be trusted");
    assert_eq!(verify(&trusting(&leaf.pem), &leaf, &[]), Ok(()), "and the certificate itself");
    assert_eq!(verify(&trusting(&root.pem), &leaf, &[]), Err(RejectionKind::UnknownIssuer));
    assert_eq!(verify(&trusting(&other.pem), &leaf, &[&between]), Err(RejectionKind::UnknownIssuer));
    assert_eq!(verify(&trusting(&other.pem), &leaf, &[&between, &root]), Err(RejectionKind::SelfSigned));
    let depth = |most| CertificateValidation { max_verify_depth: Some(most), ..trusting(&root.pem) };
    assert_eq!(verify(&depth(2), &leaf, &[&between]), Ok(()));
    assert_eq!(verify(&depth(1), &leaf, &[&between]), Err(RejectionKind::Invalid));
}

#[test]
fn one_that_signed_itself_is_trusted_where_it_is_named_also_if_it_says_that_it_is_an_authority() {
    let (own, ca) = (made(params("own"), None), made(authority("ca"), None));
    let root = made(authority("root"), None);
    for leaf in [&own, &ca] {
        assert_eq!(verify(&trusting(&leaf.pem), leaf, &[]), Ok(()));
        assert!(verify(&trusting(&root.pem), leaf, &[]).is_err());
    }
    assert_eq!(verify(&trusting(&root.pem), &own, &[]), Err(RejectionKind::SelfSigned));
}

#[test]
fn time_counts_for_every_certificate_unless_it_is_said_otherwise() {
    let past = |mut params: CertificateParams| {
        params.not_after = date_time_ymd(2021, 1, 1);
        params
    };
    let root = made(authority("root"), None);
    let expired = made(past(params("leaf")), Some(&root));
    let mut ahead = params("leaf");
    ahead.not_before = date_time_ymd(2080, 1, 1);
    let ahead = made(ahead, Some(&root));
    let old_root = made(past(authority("old")), None);
    let under_old = made(params("leaf"), Some(&old_root));
    let own = made(past(params("own")), None);
    let any_time = |pem: &str| CertificateValidation { allow_expired_certificate: true, ..trusting(pem) };
    for (leaf, root, kind) in [
        (&expired, &root, RejectionKind::Expired),
        (&ahead, &root, RejectionKind::NotYetValid),
        (&under_old, &old_root, RejectionKind::Expired),
        (&own, &own, RejectionKind::Expired),
    ] {
        assert_eq!(verify(&trusting(&root.pem), leaf, &[]), Err(kind));
        assert_eq!(verify(&any_time(&root.pem), leaf, &[]), Ok(()));
    }
}

#[test]
fn what_was_revoked_is_refused_and_so_is_what_no_list_speaks_of() {
    let root = made(authority("root"), None);
    let mut between = authority("between");
    between.serial_number = Some(SerialNumber::from(7_u64));
    let between = made(between, Some(&root));
    let mut leaf = params("leaf");
    leaf.serial_number = Some(SerialNumber::from(8_u64));
    let leaf = made(leaf, Some(&between));
    let lists = |lists: &[String], only_leaf| CertificateValidation {
        crl: inline(&lists.concat()),
        only_verify_leaf_cert_crl: only_leaf,
        ..trusting(&root.pem)
    };
    let (good, bad) = (crl(&root, &[99]), crl(&root, &[7]));
    let (good_below, bad_below) = (crl(&between, &[99]), crl(&between, &[8]));
    for (config, expected) in [
        (lists(&[good.clone(), good_below.clone()], false), Ok(())),
        (lists(&[bad.clone(), good_below.clone()], false), Err(RejectionKind::Revoked)),
        (lists(&[bad, good_below], true), Ok(())),
        (lists(&[good.clone(), bad_below], false), Err(RejectionKind::Revoked)),
        (lists(std::slice::from_ref(&good), false), Err(RejectionKind::NoRevocationList)),
        (lists(&["no list at all".to_owned()], false), Err(RejectionKind::NoRevocationList)),
    ] {
        assert_eq!(verify(&config, &leaf, &[&between]), expected);
    }
}

#[test]
fn names_pins_and_purpose() {
    let root = made(authority("root"), None);
    let leaf = made(params("leaf"), Some(&root));
    let named = |name: &str| CertificateValidation {
        subject_alt_names: vec![SanMatcher {
            kind: SanKind::Dns,
            matcher: StringMatcher::new(StringMatch::Exact(name.into()), false),
        }],
        ..trusting(&root.pem)
    };
    assert_eq!(verify(&named("a.lab.test"), &leaf, &[]), Ok(()));
    assert_eq!(verify(&named("a.b.lab.test"), &leaf, &[]), Err(RejectionKind::Name));
    let pinned = |hash| CertificateValidation { certificate_hashes: vec![hash], ..Default::default() };
    assert_eq!(verify(&pinned(sha256(&leaf.der)), &leaf, &[]), Ok(()));
    assert_eq!(verify(&pinned([0; 32]), &leaf, &[]), Err(RejectionKind::Pin));
    let mut for_clients = params("leaf");
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let for_clients = made(for_clients, Some(&root));
    assert_eq!(verify(&trusting(&root.pem), &for_clients, &[]), Err(RejectionKind::Purpose));
    assert_eq!(verify(&CertificateValidation::default(), &for_clients, &[]), Ok(()), "nothing is asked for");
}

#[test]
fn what_is_no_certificate_can_t_be_trusted() {
    for pem in ["", "abc", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(
            matches!(Trust::load(&trusting(pem), Role::Client), Err(LoadError::Unusable { .. })),
            "{pem}"
        );
    }
    let config = CertificateValidation {
        trusted_ca: Some(DataSource::File("/does/not/exist".into())),
        ..Default::default()
    };
    assert!(matches!(Trust::load(&config, Role::Client), Err(LoadError::Unreadable { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Certificates that are broken anywhere are refused, or are what they were.
    #[test]
    fn broken_certificates_and_lists_never_panic(at in 0_usize..600, flip in 1_u8..=255, cut in 0_usize..600) {
        let root = made(authority("root"), None);
        let leaf = made(params("leaf"), Some(&root));
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_790_000_000));
        let config = CertificateValidation { crl: inline(&crl(&root, &[1])), ..trusting(&root.pem) };
        let trust = Trust::load(&config, Role::Server).unwrap();
        let mut bytes = leaf.der.to_vec();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= flip;
            let changed = CertificateDer::from(bytes.clone());
            prop_assert!(trust.verify(&changed, &[], None, now).is_err());
        }
        bytes.truncate(cut);
        let _ = trust.verify(&CertificateDer::from(bytes.clone()), std::slice::from_ref(&leaf.der), Some(ExpectedName::AskedFor("x")), now);
        let _ = trust.verify(&leaf.der, &[CertificateDer::from(bytes.clone())], None, now);
        let broken = CertificateValidation {
            crl: Some(DataSource::Inline(bytes.into())),
            ..trusting(&root.pem)
        };
        let _ = Trust::load(&broken, Role::Server).map(|trust| trust.verify(&leaf.der, &[], None, now));
    }
}
