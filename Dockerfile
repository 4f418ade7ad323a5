# The system on a machine of one's own, on paper or live: docs/OPERATIONS.md, Self-hosted. Build it with
#   docker build -t quantum-trader .
FROM node:24.11.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm run slim

FROM node:24.11.1-bookworm-slim
# Within the container; which address of the host leads there is decided where its port is published.
ENV NODE_ENV=production QT_API_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app ./
RUN mkdir /state && chown 1000:1000 /state
# Everything but /state and /tmp may be read-only.
VOLUME /state
USER 1000:1000
EXPOSE 8420
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=10s --start-period=300s --retries=3 \
  CMD ["node", "bin/healthcheck.mjs", "/state", "8420"]
ENTRYPOINT ["node", "bin/qtrader.mjs"]
CMD ["start", "--state", "/state", "--port", "8420", "--exchange", "binanceusdm"]
