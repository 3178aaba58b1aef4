import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'

interface KeyPair {
  certFile: string
  keyFile: string
  /** PEM. */
  cert: string
  key: string
}

export interface Authority extends KeyPair {
  /** Issues a certificate for a server with these DNS names and IP addresses. */
  forServer(file: string, names: string[]): Promise<KeyPair>
  /** Issues a certificate for a user of the cluster. Kubernetes reads the user's name and groups from its subject. */
  forUser(file: string, name: string, groups: string[]): Promise<KeyPair>
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']

/** Creates a certificate authority that keeps its files in `dir`. */
export async function makeAuthority(dir: string, name: string): Promise<Authority> {
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
  const own = await request(dir, name, `/CN=${name}`, extensions)
  const issuer = ['-CA', own.certFile, '-CAkey', own.keyFile]
  const leaf = 'basicConstraints=critical,CA:FALSE'
  return {
    ...own,
    forServer: async (file, names) => {
      const alternatives = names.map((each) => `${/^[\d.]+$/.test(each) ? 'IP' : 'DNS'}:${each}`)
      const usage = [
        leaf,
        'extendedKeyUsage=serverAuth',
        `subjectAltName=${alternatives.join(',')}`,
      ]
      return await request(dir, file, `/CN=${subjectPart(names[0] ?? file)}`, usage, issuer)
    },
    forUser: async (file, user, groups) => {
      const organizations = groups.map((group) => `/O=${subjectPart(group)}`).join('')
      const subject = `${organizations}/CN=${subjectPart(user)}`
      return await request(dir, file, subject, [leaf, 'extendedKeyUsage=clientAuth'], issuer)
    },
  }
}

function subjectPart(text: string): string {
  return text.replaceAll(/[\\/+]/g, String.raw`\$&`)
}

async function request(
  dir: string,
  file: string,
  subject: string,
  extensions: string[],
  issuer: string[] = [],
): Promise<KeyPair> {
  const [certFile, keyFile] = [join(dir, `${file}.crt`), join(dir, `${file}.key`)]
  // Without a configuration file of our own, openssl would add the extensions from the machine's configuration, including a second
  // basicConstraints.
  const config = join(dir, 'openssl.cnf')
  writeFileSync(config, '[req]\ndistinguished_name = subject\n[subject]\n')
  const wanted = extensions.flatMap((each) => ['-addext', each])
  const output = ['-keyout', keyFile, '-out', certFile]
  const args = ['req', '-x509', '-config', config, ...NEW_KEY, '-utf8', '-subj', subject]
  await runOrThrow('openssl', [...args, ...wanted, ...issuer, ...output])
  const [cert, key] = [certFile, keyFile].map((path) => readFileSync(path, 'utf8'))
  return { certFile, keyFile, cert: cert ?? '', key: key ?? '' }
}
