import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import {
  bits,
  context,
  dnsName,
  integer,
  octets,
  oid,
  sequence,
  set,
  utcTime,
  utf8,
  yes,
} from './der.ts'

export interface Certified {
  /** PEM. */
  certificate: string
  key: string
}

const DAY_MS = 86_400_000
/** As long as a deployment may live without being deployed anew. */
const VALID_DAYS = 3650
const SIGNATURE = sequence(oid('1.2.840.10045.4.3.2')) // ECDSA with SHA-256

/** An authority for the Services of one deployment, where the cluster has none. */
export function makeAuthority(name: string, now: Date): Certified {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [
    extension('2.5.29.19', sequence(yes), true), // may certify others
    extension('2.5.29.15', Buffer.from('03020106', 'hex'), true), // sign certificates and lists
  ]
  return certify({
    issuer: name,
    subject: name,
    publicKey,
    extensions,
    signer: privateKey,
    now,
    privateKey,
  })
}

/** A certificate of a Service, under all names by which it is found inside the cluster. */
export function certifyService(
  { name, key }: { name: string; key: string },
  { service, namespace }: { service: string; namespace: string },
  now: Date,
): Certified {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const full = `${service}.${namespace}.svc`
  const names = [service, `${service}.${namespace}`, full, `${full}.cluster.local`]
  const extensions = [
    extension('2.5.29.17', sequence(...names.map(dnsName))),
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'))), // a server
  ]
  const signer = createPrivateKey(key)
  return certify({ issuer: name, subject: full, publicKey, extensions, signer, now, privateKey })
}

interface Request {
  issuer: string
  subject: string
  publicKey: KeyObject
  privateKey: KeyObject
  extensions: Buffer[]
  signer: KeyObject
  now: Date
}

function certify({
  issuer,
  subject,
  publicKey,
  privateKey,
  extensions,
  signer,
  now,
}: Request): Certified {
  const serial = randomBytes(16)
  serial[0] = (serial[0] ?? 0) & 0x7f
  if (serial[0] === 0) serial[0] = 1
  const body = sequence(
    context(0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    SIGNATURE,
    nameOf(issuer),
    sequence(
      utcTime(new Date(now.getTime() - DAY_MS)), // clocks differ
      utcTime(new Date(now.getTime() + VALID_DAYS * DAY_MS)),
    ),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions)),
  )
  const signed = sequence(body, SIGNATURE, bits(sign('sha256', body, signer)))
  const lines = signed.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(oid('2.5.4.3'), utf8(commonName.slice(0, 64)))))
}

function extension(id: string, content: Buffer, isCritical = false): Buffer {
  return sequence(oid(id), ...(isCritical ? [yes] : []), octets(content))
}
