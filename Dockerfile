# Built for each platform of `docker buildx build --platform linux/amd64,linux/arm64`: the bundle is JavaScript, so it is
# made once on the builder's own platform, and only the base of the last stage differs.
FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY tsconfig.json ./
COPY hack ./hack
COPY proto ./proto
COPY provider ./provider
RUN npm run build

# Node, its libraries and CA certificates; no shell and no package manager.
FROM gcr.io/distroless/nodejs24-debian12:nonroot
WORKDIR /app
COPY LICENSE ./
COPY --from=build /src/dist ./
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
USER 65532:65532
# V8 may be slower where it saves memory: a provider waits for the network, and there is one on every node. SIGUSR1 would open the
# inspector, by which whatever reaches its port reads all memory.
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "--optimize-for-size", "--max-semi-space-size=1", "--v8-pool-size=1", "/app/keymount.cjs"]
CMD ["serve"]
