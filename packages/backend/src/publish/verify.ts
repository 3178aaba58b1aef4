import type { ResultFile } from '@copr/contract/builder-protocol'
import { verifyDigests } from '@copr/rpm/digests'
import { RpmFormatError } from '@copr/rpm/errors'
import { readRpmHeader } from '@copr/rpm/header'
import { metadataFault } from '@copr/rpm/metadata-text'
import { checkPackageNames, packageInfo, type PackageInfo } from '@copr/rpm/package-info'
import { readSignedRegion } from '@copr/rpm/signature'

export interface Expected {
  package_name: string
  /** The chroot's architecture. */
  arch: string
}

export type Verdict = { ok: true; packages: PackageInfo[] } | { ok: false; reason: string }

/** Maps a chroot's architecture to the architectures that its packages may have, in addition to that one and noarch. */
const COMPATIBLE: Record<string, string[]> = {
  x86_64: ['x86_64_v2', 'x86_64_v3', 'x86_64_v4', 'amd64', 'ia32e', 'i386', 'i486', 'i586', 'i686'],
  i386: ['i486', 'i586', 'i686', 'athlon'],
  i586: ['i386', 'i486', 'i686', 'athlon'],
  i686: ['i386', 'i486', 'i586', 'athlon'],
  armhfp: ['armv6hl', 'armv7hl', 'armv7hnl'],
  ppc64le: ['ppc64p7', 'ppc64'],
  s390x: ['s390'],
}

/** The largest epoch that the database can store. rpm allows epochs twice as large, but real packages use single digits. */
const MAX_EPOCH = 2 ** 31 - 1

class Unacceptable extends Error {}

/** Checks the packages that a builder uploaded. A builder runs untrusted code, so nothing that it reports is trusted. */
export async function verifyResults(
  files: ResultFile[],
  expected: Expected,
  open: <T>(name: string, use: (path: string) => Promise<T>) => Promise<T>,
): Promise<Verdict> {
  const packages: PackageInfo[] = []
  try {
    for (const { name } of files)
      if (name.endsWith('.rpm'))
        packages.push(await open(name, (path) => verifyPackage(path, name, expected)))
    verifyOrigin(packages, expected)
    return { ok: true, packages }
  } catch (error) {
    if (error instanceof RpmFormatError || error instanceof Unacceptable)
      return { ok: false, reason: error.message }
    throw error
  }
}

async function verifyPackage(
  path: string,
  file_name: string,
  { arch }: Expected,
): Promise<PackageInfo> {
  const header = await readRpmHeader(path)
  const info = packageInfo(header)
  checkPackageNames(info)
  if (info.fileName !== file_name)
    throw new Unacceptable(`Cannot accept ${file_name}: its header is that of ${info.fileName}`)
  const allowed = info.isSource || [arch, 'noarch', ...(COMPATIBLE[arch] ?? [])].includes(info.arch)
  if (!allowed)
    throw new Unacceptable(
      `Cannot accept ${file_name}: its architecture is ${info.arch}, the chroot is for ${arch}`,
    )
  if (info.epoch !== null && info.epoch > MAX_EPOCH)
    throw new Unacceptable(
      `Cannot accept ${file_name}: its epoch is ${info.epoch}, the limit is ${MAX_EPOCH}`,
    )
  const fault = metadataFault(header.header)
  if (fault !== undefined) throw new Unacceptable(`Cannot accept ${file_name}: ${fault}`)
  await readSignedRegion(path)
  const digests = await verifyDigests(path)
  if (!digests.includes('payload') && !digests.includes('header-and-payload-md5'))
    throw new Unacceptable(`Cannot accept ${file_name}: it has no payload digest`)
  return info
}

/** Throws unless all packages come from the build's own source package. That package may be among them, but no other source package. */
function verifyOrigin(packages: PackageInfo[], { package_name }: Expected): void {
  if (packages.length === 0)
    throw new Unacceptable('Cannot publish: the builder uploaded no packages')
  const [source, ...more] = packages.filter(({ isSource }) => isSource)
  if (more.length > 0)
    throw new Unacceptable('Cannot publish: the builder uploaded more than one source package')
  if (source && source.name !== package_name)
    throw new Unacceptable(`Cannot publish ${source.fileName} as the package ${package_name}`)
  for (const { isSource, sourceRpm, fileName } of packages) {
    if (isSource) continue
    const name = /^(.+)-[^-]+-[^-]+\.(?:no)?src\.rpm$/.exec(sourceRpm ?? '')?.[1]
    const isOwn = source ? sourceRpm === source.fileName : name === package_name
    if (!isOwn)
      throw new Unacceptable(
        `Cannot accept ${fileName}: it was built from ${sourceRpm ?? 'no source package'}`,
      )
  }
}
