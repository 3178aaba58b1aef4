import type { SourceMetadata } from '@copr/domain/builds/source-metadata'
import { CoprError } from '@copr/process/errors'
import { checkHeaderDigests } from '@copr/rpm/digests'
import { RpmFormatError } from '@copr/rpm/errors'
import { listFiles } from '@copr/rpm/file-list'
import { type RpmHeader, readRpmHeader } from '@copr/rpm/header'
import { checkPackageNames, packageInfo, type PackageInfo } from '@copr/rpm/package-info'
import { formatEvr } from '@copr/rpm/version'
import { stat } from 'node:fs/promises'
import type { ReceivedFile } from './receive-upload.ts'

/** Returns the metadata in the header of an uploaded SRPM; throws CoprError `invalid` if the file cannot be accepted. */
export async function checkSrpm(file: ReceivedFile): Promise<SourceMetadata> {
  checkFileName(file.name)
  if ((await stat(file.path)).size === 0) refuse(file, 'the file is empty')
  try {
    const rpm = await readRpmHeader(file.path)
    const info = packageInfo(rpm)
    checkContents(file, rpm, info)
    return {
      name: info.name,
      version: formatEvr(info),
      srpm_name: info.fileName,
      exclusive_arch: info.exclusiveArch,
      exclude_arch: info.excludeArch,
    }
  } catch (error) {
    if (!(error instanceof RpmFormatError)) throw error
    // The reader's message without its prefix, because the refusal names the file already.
    refuse(file, error.message.replace(/^Cannot read [^:]+: /, ''))
  }
}

/** Throws if the file name is not that of an SRPM, before the contents are read. */
function checkFileName(name: string): void {
  if (/\.(no)?src\.rpm$/i.test(name)) return
  if (/\.rpm$/i.test(name))
    refuse({ name }, 'it is a binary RPM; upload the source package (.src.rpm)')
  if (/\.spec$/i.test(name))
    refuse(
      { name },
      'this site does not build spec files yet; create a source package with rpmbuild -bs',
    )
  refuse({ name }, 'the file name must end in .src.rpm or .nosrc.rpm')
}

function checkContents(file: ReceivedFile, rpm: RpmHeader, info: PackageInfo): void {
  if (!info.isSource) refuse(file, 'it is a binary RPM; upload the source package (.src.rpm)')
  checkPackageNames(info)
  // Detects truncated transfers; the payload is verified when it is unpacked.
  checkHeaderDigests(rpm)
  const names = listFiles(rpm.header).map(({ path }) => path)
  const bad = names.find((name) => !isPlainName(name))
  if (bad !== undefined)
    refuse(file, `it contains a file with the forbidden name ${JSON.stringify(bad.slice(0, 100))}`)
  const specs = names.filter((name) => name.endsWith('.spec'))
  if (specs.length === 0) refuse(file, 'it contains no spec file')
  if (specs.length > 1) refuse(file, `it contains ${specs.length} spec files: ${specs.join(', ')}`)
}

/** Whether a name is that of a plain file: all files of a source package are in one folder, and control characters are not allowed. */
function isPlainName(name: string): boolean {
  if (name.length > 255 || name.includes('..')) return false
  return /^[^-./\p{Cc}][^/\p{Cc}]*$/u.test(name)
}

function refuse({ name }: Pick<ReceivedFile, 'name'>, reason: string): never {
  throw new CoprError('invalid', `Cannot build ${name}: ${reason}`)
}
