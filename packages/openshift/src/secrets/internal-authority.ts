// @peculiar/x509 does not load without this polyfill of decorator metadata.
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { createPrivateKey, KeyObject, type webcrypto } from 'node:crypto'

export interface Certified {
  /** The certificate and its key, as PEM. */
  certificate: string
  key: string
}

const DAY_MS = 86_400_000
/** Validity of certificates: longer than a deployment is likely to run without being deployed again. */
const VALID_DAYS = 3650
const KEY = { name: 'ECDSA', namedCurve: 'P-256' }

/** Creates a CA for the Services of one deployment, for clusters that have none. */
export async function makeAuthority(name: string, now: Date): Promise<Certified> {
  const keys = await crypto.subtle.generateKey(KEY, true, ['sign', 'verify'])
  const extensions = [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ]
  return await certify({ issuer: name, subject: name, keys, extensions, now }, keys.privateKey)
}

/** Issues a certificate for a Service under all its names inside the cluster. */
export async function certifyService(
  { name, key }: { name: string; key: string },
  { service, namespace }: { service: string; namespace: string },
  now: Date,
): Promise<Certified> {
  const keys = await crypto.subtle.generateKey(KEY, true, ['sign', 'verify'])
  const full = `${service}.${namespace}.svc`
  const names = [service, `${service}.${namespace}`, full, `${full}.cluster.local`]
  const extensions = [
    new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
  ]
  const signer = createPrivateKey(key).toCryptoKey(KEY, false, ['sign'])
  return await certify({ issuer: name, subject: full, keys, extensions, now }, signer)
}

interface Request {
  issuer: string
  subject: string
  keys: webcrypto.CryptoKeyPair
  extensions: Extension[]
  now: Date
}

async function certify(
  { issuer, subject, keys, extensions, now }: Request,
  signer: webcrypto.CryptoKey,
): Promise<Certified> {
  const certificate = await X509CertificateGenerator.create({
    issuer: nameOf(issuer),
    subject: nameOf(subject),
    // The start is a day earlier, to allow for clock skew.
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + VALID_DAYS * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: signer,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions,
  })
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/**
 * Names are always encoded as UTF-8, as in the CA certificates of earlier versions, because Go compares issuer and subject byte by byte.
 */
function nameOf(commonName: string): Name {
  return new Name([{ CN: [{ utf8String: commonName.slice(0, 64) }] }])
}
