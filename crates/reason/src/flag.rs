//! Envoy's response flags (`%RESPONSE_FLAGS%`, `%RESPONSE_FLAGS_LONG%`), names as in Envoy 1.40.

use std::fmt;

macro_rules! flags {
    ($($(#[$doc:meta])* $variant:ident = $short:literal, $long:literal;)*) => {
        /// One response flag of Envoy 1.40.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Flag { $($(#[$doc])* $variant,)* }

        impl Flag {
            /// Every flag, in Envoy's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The short name, as `%RESPONSE_FLAGS%` prints it.
            #[must_use]
            pub const fn short(self) -> &'static str {
                match self { $(Self::$variant => $short,)* }
            }

            /// The long name, as `%RESPONSE_FLAGS_LONG%` prints it.
            #[must_use]
            pub const fn long(self) -> &'static str {
                match self { $(Self::$variant => $long,)* }
            }
        }
    };
}

flags! {
    /// The local service's own health check failed (health check filter, admin).
    FailedLocalHealthCheck = "LH", "FailedLocalHealthCheck";
    /// No host of the cluster may be used.
    NoHealthyUpstream = "UH", "NoHealthyUpstream";
    /// The upstream did not answer within the route's timeout.
    UpstreamRequestTimeout = "UT", "UpstreamRequestTimeout";
    /// The proxy reset the stream.
    LocalReset = "LR", "LocalReset";
    /// The upstream reset the stream.
    UpstreamRemoteReset = "UR", "UpstreamRemoteReset";
    /// The connection to the upstream could not be made.
    UpstreamConnectionFailure = "UF", "UpstreamConnectionFailure";
    /// The upstream closed the connection under the request.
    UpstreamConnectionTermination = "UC", "UpstreamConnectionTermination";
    /// A circuit breaker is open.
    UpstreamOverflow = "UO", "UpstreamOverflow";
    /// No route, or no filter chain, matched.
    NoRouteFound = "NR", "NoRouteFound";
    /// A delay was injected by the fault filter.
    DelayInjected = "DI", "DelayInjected";
    /// An error was injected by the fault filter.
    FaultInjected = "FI", "FaultInjected";
    /// A local or global rate limit was exceeded.
    RateLimited = "RL", "RateLimited";
    /// The external authorization service said no, or failed.
    UnauthorizedExternalService = "UAEX", "UnauthorizedExternalService";
    /// The rate limit service failed.
    RateLimitServiceError = "RLSE", "RateLimitServiceError";
    /// The client closed the connection.
    DownstreamConnectionTermination = "DC", "DownstreamConnectionTermination";
    /// Retries, or TCP connect attempts, are used up.
    UpstreamRetryLimitExceeded = "URX", "UpstreamRetryLimitExceeded";
    /// Nothing moved on the stream for the idle timeout.
    StreamIdleTimeout = "SI", "StreamIdleTimeout";
    /// An `x-envoy-*` request header was invalid under strict checking.
    InvalidEnvoyRequestHeaders = "IH", "InvalidEnvoyRequestHeaders";
    /// The client broke the protocol.
    DownstreamProtocolError = "DPE", "DownstreamProtocolError";
    /// The upstream stream ran into its maximum duration.
    UpstreamMaxStreamDurationReached = "UMSDR", "UpstreamMaxStreamDurationReached";
    /// Answered from the cache.
    ResponseFromCacheFilter = "RFCF", "ResponseFromCacheFilter";
    /// A filter's configuration had not arrived.
    NoFilterConfigFound = "NFCF", "NoFilterConfigFound";
    /// The stream ran into its maximum duration.
    DurationTimeout = "DT", "DurationTimeout";
    /// The upstream broke the protocol.
    UpstreamProtocolError = "UPE", "UpstreamProtocolError";
    /// The route names a cluster that does not exist.
    NoClusterFound = "NC", "NoClusterFound";
    /// The overload manager ended the request.
    OverloadManagerTerminated = "OM", "OverloadManagerTerminated";
    /// A name could not be resolved while the request waited.
    DnsResolutionFailed = "DF", "DnsResolutionFailed";
    /// Dropped by `drop_overloads`.
    DropOverload = "DO", "DropOverload";
    /// The client reset the stream.
    DownstreamRemoteReset = "DR", "DownstreamRemoteReset";
    /// Dropped by `drop_overloads` at 100 %.
    UnconditionalDropOverload = "UDO", "UnconditionalDropOverload";
}

/// The flags of one request, in the order in which they were set; at most four, each once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags([Option<Flag>; 4]);

impl Flags {
    /// Adds a flag behind those already set. A flag that is set stays where it is; a fifth is dropped
    /// (Envoy never sets more than three on one stream).
    pub fn set(&mut self, flag: Flag) {
        if self.contains(flag) {
            return;
        }
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(flag);
        }
    }

    /// Whether the flag is set.
    #[must_use]
    pub fn contains(&self, flag: Flag) -> bool {
        self.0.contains(&Some(flag))
    }

    /// Whether no flag is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    /// The flags in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = Flag> + '_ {
        self.0.iter().filter_map(|slot| *slot)
    }

    /// Short names joined by `,`; the empty string where no flag is set (Envoy prints `-` there).
    #[must_use]
    pub fn short(&self) -> impl fmt::Display + '_ {
        Joined { flags: self, name: Flag::short }
    }

    /// Long names joined by `,`; the empty string where no flag is set.
    #[must_use]
    pub fn long(&self) -> impl fmt::Display + '_ {
        Joined { flags: self, name: Flag::long }
    }
}

struct Joined<'a> {
    flags: &'a Flags,
    name: fn(Flag) -> &'static str,
}

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, flag) in self.flags.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str((self.name)(flag))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_of_setting_and_each_once() {
        let mut flags = Flags::default();
        assert!(flags.is_empty());
        flags.set(Flag::UpstreamRetryLimitExceeded);
        flags.set(Flag::UpstreamConnectionFailure);
        flags.set(Flag::UpstreamRetryLimitExceeded);
        assert_eq!(flags.short().to_string(), "URX,UF");
        assert_eq!(flags.long().to_string(), "UpstreamRetryLimitExceeded,UpstreamConnectionFailure");
    }
}
