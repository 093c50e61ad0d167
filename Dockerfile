# syntax=docker/dockerfile:1
# The gateway (last stage, the default) and, with --target simulators, the outside to try it against.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
# The committed query data stands in for a database.
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --release --locked -p kwastage -p simulators \
    && install -D -t /built target/release/kwastage target/release/simulators \
    && install -d /built/state

FROM gcr.io/distroless/cc-debian12:nonroot AS simulators
COPY --from=build /built/simulators /usr/bin/simulators
EXPOSE 8090
ENTRYPOINT ["/usr/bin/simulators"]
CMD ["serve"]

FROM gcr.io/distroless/cc-debian12:nonroot AS gateway
COPY --from=build /built/kwastage /usr/bin/kwastage
# A volume mounted here for the first time becomes the user's own.
COPY --from=build --chown=nonroot:nonroot /built/state /var/lib/kwastage
COPY menus /usr/share/kwastage/menus
COPY messages /usr/share/kwastage/messages
COPY insurance /usr/share/kwastage/insurance
ENV KWASTAGE_HTTP__BIND=0.0.0.0:8080 \
    KWASTAGE_EMERGENCIES__SPOOL=/var/lib/kwastage/spool \
    KWASTAGE_MENUS__DIR=/usr/share/kwastage/menus \
    KWASTAGE_MESSAGES__DIR=/usr/share/kwastage/messages \
    KWASTAGE_INSURANCE__DIR=/usr/share/kwastage/insurance
EXPOSE 8080
# The base image's user, 65532; said here for whoever checks.
USER nonroot
# Alive, not able: a gateway without Postgres still takes emergencies and must not be restarted for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/bin/kwastage", "health"]
ENTRYPOINT ["/usr/bin/kwastage"]
CMD ["serve"]
