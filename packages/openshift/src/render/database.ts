import type { KubeObject } from '@copr/kube-client/kube-object'
import { meta, POSTGRES_PORT, type RenderContext } from './render-context.ts'

/** How programs reach the database. */
export interface DatabaseAccess {
  url: string
  password: { secret: string; key: string }
  ca?: { secret: string; key: string } | undefined
}

export function databaseAccess({ vars, namespace }: RenderContext): DatabaseAccess {
  const { mode, external } = vars.database
  const url = (host: string, rest = `${POSTGRES_PORT}/copr`, user = 'copr'): string =>
    `postgres://${user}@${host}:${rest}?sslmode=verify-full`
  switch (mode) {
    case 'embedded':
      return {
        url: url(`postgresql.${namespace}.svc`),
        password: { secret: 'database', key: 'password' },
      }
    case 'cloudnativepg':
      return {
        url: url(`postgresql-rw.${namespace}.svc`),
        password: { secret: 'postgresql-app', key: 'password' },
        ca: { secret: 'postgresql-ca', key: 'ca.crt' },
      }
    case 'crunchy':
      return {
        url: url(`postgresql-primary.${namespace}.svc`),
        password: { secret: 'postgresql-pguser-copr', key: 'password' },
        ca: { secret: 'postgresql-cluster-cert', key: 'ca.crt' },
      }
    case 'external': {
      if (!external) throw new Error('The external database was not checked')
      const { host, port, name, user, password, ca } = external
      return {
        url: url(host, `${port}/${encodeURIComponent(name)}`, encodeURIComponent(user)),
        password,
        ca,
      }
    }
  }
}

/** Returns the labels of the database pods that an operator manages; undefined in modes without an operator. */
export function operatorPods({ vars }: RenderContext): Record<string, string> | undefined {
  if (vars.database.mode === 'cloudnativepg') return { 'cnpg.io/cluster': 'postgresql' }
  if (vars.database.mode === 'crunchy')
    return { 'postgres-operator.crunchydata.com/cluster': 'postgresql' }
  return undefined
}

/** Renders the custom resource from which an operator creates the database; nothing in modes without an operator. */
export function operatorDatabase(context: RenderContext): KubeObject[] {
  const { vars, profile } = context
  const { mode, size = profile.database, instances = profile.database_instances } = vars.database
  const storageClass = vars.storage.class
  const { cpu, memory, memory_limit } = profile.postgresql
  const resources = { requests: { cpu, memory }, limits: { memory: memory_limit } }
  if (mode === 'cloudnativepg')
    return [
      {
        apiVersion: 'postgresql.cnpg.io/v1',
        kind: 'Cluster',
        metadata: meta(context, 'postgresql'),
        spec: {
          instances,
          storage: { size, ...(storageClass ? { storageClass } : {}) },
          resources,
          bootstrap: { initdb: { database: 'copr', owner: 'copr', dataChecksums: true } },
          postgresql: { parameters: { max_connections: '200' } },
        },
      },
    ]
  if (mode !== 'crunchy') return []
  const claim = {
    accessModes: ['ReadWriteOnce'],
    ...(storageClass ? { storageClassName: storageClass } : {}),
    resources: { requests: { storage: size } },
  }
  return [
    {
      apiVersion: 'postgres-operator.crunchydata.com/v1beta1',
      kind: 'PostgresCluster',
      metadata: meta(context, 'postgresql', {
        // The database user may not write into the schema `public`, and gets its own schema.
        annotations: { 'postgres-operator.crunchydata.com/autoCreateUserSchema': 'true' },
      }),
      spec: {
        postgresVersion: 17,
        users: [{ name: 'copr', databases: ['copr'] }],
        instances: [{ name: 'main', replicas: instances, resources, dataVolumeClaimSpec: claim }],
        backups: {
          pgbackrest: { repos: [{ name: 'repo1', volume: { volumeClaimSpec: claim } }] },
        },
      },
    },
  ]
}
