import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { checkHeaderDigests, finishCheck, payloadChecks } from './digests.ts'
import { refuse } from './errors.ts'
import { type ListedFile, listFiles } from './file-list.ts'
import {
  readRpmHeaderFrom,
  type RpmHeader,
  type RpmSource,
  withRpmFile,
  type RpmInput,
} from './header.ts'
import { isSourcePackage } from './package-info.ts'
import { PayloadBytes, type PayloadEntry, payloadEntries, type PayloadLimits } from './payload.ts'
import { sourceNameFault } from './source-name.ts'
import { findSpec } from './spec-file.ts'
import { FILE_FLAG } from './tags.ts'

export interface ExtractedSrpm {
  /** name of the spec file (there may be other files that end in .spec) */
  spec: string
  files: ExtractedFile[]
}

interface ExtractedFile {
  name: string
  size: number
  /** hex */
  sha256: string
  /** hex, as used by lookaside caches */
  md5: string
}

const FILE_TYPE_MASK = 0o170000
const REGULAR_FILE = 0o100000
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants

/**
 * Writes the files of a source package into an existing directory and checks every digest. Throws RpmFormatError if the package is damaged,
 * is not a source package, or exceeds the limits; in that case, none of its files are left behind.
 */
export async function extractSrpm(
  from: RpmInput,
  destDir: string,
  limits: PayloadLimits,
): Promise<ExtractedSrpm> {
  return await withRpmFile(from, async (source) => {
    const rpm = await readRpmHeaderFrom(source)
    if (!isSourcePackage(rpm.header)) refuse(rpm.label, 'it is not a source package')
    checkHeaderDigests(rpm)
    const files = new Map<string, ExtractedFile>()
    try {
      const spec = findSpec(listFiles(rpm.header), rpm.label)
      await extractFiles(source, rpm, { destDir, limits, files })
      if (!files.has(spec)) refuse(rpm.label, `its payload lacks the spec file ${quote(spec)}`)
      return { spec, files: [...files.values()] }
    } catch (error) {
      await Promise.all([...files.keys()].map((name) => rm(join(destDir, name), { force: true })))
      throw error
    }
  })
}

async function extractFiles(
  source: RpmSource,
  rpm: RpmHeader,
  {
    destDir,
    limits,
    files,
  }: { destDir: string; limits: PayloadLimits; files: Map<string, ExtractedFile> },
): Promise<void> {
  const listed = new Map(listFiles(rpm.header).map((file) => [file.path, file]))
  const checks = payloadChecks(rpm)
  const bytes = new PayloadBytes(source, rpm.payloadStart, (chunk) => {
    for (const { hash } of checks) hash.update(chunk)
  })
  for await (const entry of payloadEntries(rpm, bytes, limits)) {
    checkEntry(entry, { label: rpm.label, listed, files })
    const file = await extractFile(entry, destDir, files)
    checkContent(file, listed.get(entry.name), rpm.label)
  }
  for await (const _ of bytes); // the digests also cover the bytes after the compressed data
  for (const check of checks) finishCheck(check, rpm.label)
  const missing = [...listed.values()].find(
    ({ path, flags }) => !(flags & FILE_FLAG.GHOST) && !files.has(path),
  )
  if (missing) refuse(rpm.label, `its payload lacks file ${quote(missing.path)}`)
}

function checkEntry(
  { name, mode, size }: PayloadEntry,
  {
    label,
    listed,
    files,
  }: { label: string; listed: Map<string, ListedFile>; files: Map<string, ExtractedFile> },
): void {
  const fault = sourceNameFault(name)
  if (fault) refuse(label, `file name ${quote(name)} ${fault}`)
  if ((mode & FILE_TYPE_MASK) !== REGULAR_FILE)
    refuse(label, `${quote(name)} is not a regular file`)
  const file = listed.get(name)
  if (!file) refuse(label, `file ${quote(name)} is not in the header's list`)
  if (file.size !== size)
    refuse(label, `file ${quote(name)} has ${size} bytes, but ${file.size} according to the header`)
  if (files.has(name)) refuse(label, `file ${quote(name)} appears twice`)
}

/** Registers the file before its content is written, so that the file is removed if the write fails. */
async function extractFile(
  { name, size, data }: PayloadEntry,
  destDir: string,
  files: Map<string, ExtractedFile>,
): Promise<ExtractedFile> {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
  await using handle = await open(join(destDir, name), flags, 0o644)
  const file = { name, size, sha256: '', md5: '' }
  files.set(name, file)
  const sha256 = createHash('sha256')
  const md5 = createHash('md5')
  for await (const chunk of data) {
    sha256.update(chunk)
    md5.update(chunk)
    await handle.writeFile(chunk)
  }
  return Object.assign(file, { sha256: sha256.digest('hex'), md5: md5.digest('hex') })
}

function checkContent(file: ExtractedFile, listed: ListedFile | undefined, label: string): void {
  const { digest = '', digestAlgorithm } = listed ?? {}
  const actual = digestAlgorithm === 'md5' ? file.md5 : file.sha256
  const isKnown = digestAlgorithm === 'md5' || digestAlgorithm === 'sha256'
  if (isKnown && digest !== '' && digest.toLowerCase() !== actual)
    refuse(label, `file ${quote(file.name)} does not match its digest`)
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 80))
}
