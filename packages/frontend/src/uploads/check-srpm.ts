import type { SourceMetadata } from '@copr/domain/builds/source-metadata'
import type { SrpmLimits } from '@copr/domain/quotas/quota-limits'
import { MAX_SPEC_BYTES } from '@copr/contract/made-sources'
import { CoprError } from '@copr/process/errors'
import { formatBytes } from '@copr/process/format-bytes'
import { checkHeaderDigests } from '@copr/rpm/digests'
import { RpmFormatError } from '@copr/rpm/errors'
import { listFiles } from '@copr/rpm/file-list'
import { type RpmHeader, readRpmHeader } from '@copr/rpm/header'
import {
  checkPackageNames,
  formatDependency,
  packageInfo,
  type PackageInfo,
} from '@copr/rpm/package-info'
import { sourceNameFault } from '@copr/rpm/source-name'
import { findSpec } from '@copr/rpm/spec-file'
import { FILE_FLAG } from '@copr/rpm/tags'
import { formatEvr } from '@copr/rpm/version'
import { stat } from 'node:fs/promises'
import type { ReceivedFile } from './receive-upload.ts'

interface Limits extends SrpmLimits {
  max_unpacked_files: number
}

/**
 * Returns the size of an uploaded SRPM and the metadata in its header. Throws CoprError `invalid` if the file cannot be accepted, and
 * `too_large` if the file or its unpacked contents exceed the project's limits.
 */
export async function checkSrpm(
  file: ReceivedFile,
  limits: Limits,
): Promise<{ bytes: number; facts: SourceMetadata }> {
  checkFileName(file.name)
  const { size: bytes } = await stat(file.path)
  if (bytes === 0) refuse(file, 'the file is empty')
  if (bytes > limits.upload_bytes)
    refuseSize(file, `it has ${formatBytes(bytes)}`, formatBytes(limits.upload_bytes))
  try {
    const rpm = await readRpmHeader(file.path)
    const info = packageInfo(rpm)
    checkContents(file, rpm, info)
    checkUnpackedSize(file, rpm, limits)
    const facts = {
      name: info.name,
      version: formatEvr(info),
      srpm_name: info.fileName,
      exclusive_arch: info.exclusiveArch,
      exclude_arch: info.excludeArch,
      requires: info.requires.map(formatDependency),
    }
    return { bytes, facts }
  } catch (error) {
    if (!(error instanceof RpmFormatError)) throw error
    // The reader's prefix is removed from its message, because the refusal already names the file.
    refuse(file, error.message.replace(/^Cannot read [^:]+: /, ''))
  }
}

/**
 * Returns the size of an uploaded spec file; only a builder parses the file. Throws CoprError `invalid` if the file is empty, and
 * `too_large` if it is larger than MAX_SPEC_BYTES.
 */
export async function checkSpec(file: ReceivedFile): Promise<{ bytes: number }> {
  const { size: bytes } = await stat(file.path)
  if (bytes === 0) refuse(file, 'the file is empty')
  if (bytes > MAX_SPEC_BYTES)
    refuseSize(file, `it has ${formatBytes(bytes)}`, formatBytes(MAX_SPEC_BYTES), 'make it smaller')
  return { bytes }
}

/** The wording of Copr's form. */
const ONLY_SOURCES = 'You can upload only .src.rpm, .nosrc.rpm, and .spec files'

/** Throws if the file name is not that of an SRPM, before the contents are read. */
function checkFileName(name: string): void {
  if (/\.(no)?src\.rpm$/i.test(name)) return
  if (/\.rpm$/i.test(name)) refuse({ name }, `${ONLY_SOURCES}; it is a binary RPM`)
  refuse({ name }, `${ONLY_SOURCES}; the file name has another ending`)
}

function checkContents(file: ReceivedFile, rpm: RpmHeader, info: PackageInfo): void {
  if (!info.isSource) refuse(file, 'it is a binary RPM; upload the source package (.src.rpm)')
  checkPackageNames(info)
  // This detects truncated transfers of the header. The payload is verified when it is unpacked.
  checkHeaderDigests(rpm)
  const files = listFiles(rpm.header)
  for (const { path } of files) {
    const fault = sourceNameFault(path)
    if (fault) refuse(file, `the file name ${JSON.stringify(path.slice(0, 100))} in it ${fault}`)
  }
  findSpec(files, rpm.label)
}

/** Checks the unpacked size that the header states. dist-git checks the actual size while it unpacks the file. */
function checkUnpackedSize(file: ReceivedFile, rpm: RpmHeader, limits: Limits): void {
  const files = listFiles(rpm.header)
  if (files.length > limits.max_unpacked_files)
    refuseSize(file, `it contains ${files.length} files`, String(limits.max_unpacked_files))
  // Files that a NoSource tag excludes are listed too, with the flag of ghost files.
  const contained = files.filter(({ flags }) => (flags & FILE_FLAG.GHOST) === 0)
  const total = contained.reduce((sum, { size }) => sum + size, 0)
  if (total > limits.unpacked_bytes)
    refuseSize(file, `its contents have ${formatBytes(total)}`, formatBytes(limits.unpacked_bytes))
}

function refuse({ name }: Pick<ReceivedFile, 'name'>, reason: string): never {
  throw new CoprError('invalid', `Cannot build ${name}: ${reason}`)
}

function refuseSize(
  { name }: Pick<ReceivedFile, 'name'>,
  size: string,
  limit: string,
  advice = 'make it smaller, or ask an administrator for a higher quota',
): never {
  throw new CoprError(
    'too_large',
    `Cannot build ${name}: ${size}, the limit is ${limit}; ${advice}`,
  )
}
