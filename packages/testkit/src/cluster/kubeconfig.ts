import { writeFileSync } from 'node:fs'

/** A client's credential: a certificate issued by the cluster's CA, or a bearer token. */
export type Credential = { cert: string; key: string } | { token: string }

export interface ClusterAddress {
  url: string
  /** PEM of the CA that issued the server's certificate. */
  ca: string
  /** The server's name in its certificate, if it differs from the host name in the URL. */
  serverName?: string
}

/** Writes a kubeconfig for kubectl and client libraries. */
export function writeKubeconfig(
  path: string,
  { url, ca, serverName }: ClusterAddress,
  user: { name: string; credential: Credential; namespace?: string },
): void {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const { credential } = user
  const secrets =
    'token' in credential
      ? { token: credential.token }
      : {
          'client-certificate-data': base64(credential.cert),
          'client-key-data': base64(credential.key),
        }
  const context = { cluster: 'test', user: user.name, namespace: user.namespace ?? 'default' }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [
      {
        name: 'test',
        cluster: {
          server: url,
          'certificate-authority-data': base64(ca),
          ...(serverName ? { 'tls-server-name': serverName } : {}),
        },
      },
    ],
    users: [{ name: user.name, user: secrets }],
    contexts: [{ name: 'test', context }],
  }
  // JSON is valid YAML.
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 })
}
