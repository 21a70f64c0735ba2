# The worker image: the same build as `npm run build`, with the Python environment of dbt and the Delta writer.
FROM node:22-bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV MILLRACE_CACHE=/opt/millrace

FROM base AS build
COPY package.json package-lock.json .npmrc ./
COPY packages/millrace/package.json packages/millrace/
COPY packages/lakehouse/package.json packages/lakehouse/
COPY packages/dbt/package.json packages/dbt/
RUN npm ci
COPY . .
RUN npm run build -- --python

FROM base
COPY --from=build /opt/millrace /opt/millrace
COPY --from=build /app /app
RUN useradd --create-home millrace && mkdir -p /data/warehouse /app/.millrace && chown -R millrace /data /app/.millrace
USER millrace
CMD ["node", "packages/millrace/bin/millrace.js", "worker"]
