# syntax=docker/dockerfile:1

# What the executable is made with: the packages that run, not those that test.
FROM oven/bun:1.4.5 AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml tsconfig.json ./
RUN bun install --frozen-lockfile --production --ignore-scripts
COPY src src
RUN bun run build

# glibc, the authorities' certificates and an unprivileged user; no shell, no package manager. The tag names a
# release of Debian; where images must be the same to the byte, add its digest.
FROM gcr.io/distroless/base-debian12:nonroot
COPY --from=build /build/dist/todo-backend /usr/local/bin/todo-backend
ENV ENVIRONMENT=production PORT=8000
EXPOSE 8000
USER 65532:65532
WORKDIR /
HEALTHCHECK --interval=10s --timeout=3s --start-period=35s --retries=3 CMD ["/usr/local/bin/todo-backend", "--health"]
ENTRYPOINT ["/usr/local/bin/todo-backend"]
