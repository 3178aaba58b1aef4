import {
  isSettableSource,
  type SettableSource,
  SOURCE_ALIASES,
  SOURCE_FIELDS,
  SOURCE_TYPES,
} from '@copr/contract/api/sources'
import { fillTemplate } from '@copr/contract/configuration/distgit-instances'
import { splitChrootName } from '@copr/contract/names'
import { listActiveChroots } from '@copr/domain/chroots/chroot-queries'
import { CoprError } from '@copr/process/errors'
import type { z } from 'zod'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'

/** The stored source of a build or package. */
export interface SourceSettings {
  type: SettableSource
  json: Record<string, unknown>
}

interface SourceWanted {
  type: SettableSource
  form: Form
  /** The name of the package to clone from a dist-git; ignored for other source types. */
  package_name: string
  /** Stored settings, which apply to the fields that the request omits. */
  stored?: Record<string, unknown> | undefined
}

const FEDORA_LATEST = /^fedora-latest-([A-Za-z0-9_]+)$/
const DEFAULT_CHROOT = 'fedora-latest-x86_64'

export function sourceType(text: string): SettableSource {
  if (isSettableSource(text)) return text
  throw new CoprError(
    'invalid',
    `Unsupported package source type ${text.slice(0, 100)}: source_type must be one of ${SOURCE_TYPES.join(', ')}`,
  )
}

/** Validates the form fields of a source, for the types that packages can have. */
export async function readSource(
  frontend: Frontend,
  { type, form, package_name, stored = {} }: SourceWanted,
): Promise<SourceSettings> {
  const fields = { ...fieldsOfStored(stored), ...withoutAliases(form) }
  switch (type) {
    case 'scm':
      return { type, json: scmSource(parseForm(SOURCE_FIELDS.scm, fields)) }
    case 'distgit':
      return {
        type,
        json: distgitSource(frontend, parseForm(SOURCE_FIELDS.distgit, fields), package_name),
      }
    case 'pypi':
      return { type, json: pypiSource(parseForm(SOURCE_FIELDS.pypi, fields)) }
    case 'rubygems':
      return { type, json: parseForm(SOURCE_FIELDS.rubygems, fields) }
    case 'custom':
      return { type, json: await customSource(frontend, parseForm(SOURCE_FIELDS.custom, fields)) }
  }
}

/** Resolves a `fedora-latest-…` chroot to the newest Fedora release, so that a newer release does not change the build later. */
export async function sourceOfBuild(
  frontend: Frontend,
  { type, json }: SourceSettings,
): Promise<SourceSettings> {
  if (type !== 'custom') return { type, json }
  const chroot = typeof json['chroot'] === 'string' ? json['chroot'] : DEFAULT_CHROOT
  const arch = FEDORA_LATEST.exec(chroot)?.[1]
  if (arch === undefined) return { type, json }
  return { type, json: { ...json, chroot: await newestFedora(frontend, arch) } }
}

/** Converts stored source settings back to the form fields of a request. */
export function fieldsOfStored(stored: Record<string, unknown>): Form {
  const { type, clone_url, distgit, ...others } = stored
  const fields = {
    ...others,
    scm_type: type,
    distgit,
    // For a dist-git source, the URL is derived from the dist-git instance.
    clone_url: distgit === undefined ? clone_url : undefined,
  }
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  )
}

function withoutAliases(form: Form): Form {
  const aliases = Object.entries(SOURCE_ALIASES).flatMap(([alias, field]) =>
    form[alias] === undefined ? [] : [[field, form[alias]] as const],
  )
  return { ...Object.fromEntries(aliases), ...form }
}

function scmSource(fields: z.output<(typeof SOURCE_FIELDS)['scm']>): SourceSettings['json'] {
  const { clone_url, scm_type, committish, subdirectory, spec, source_build_method } = fields
  return {
    type: scm_type ?? 'git',
    clone_url,
    committish: committish ?? '',
    subdirectory: subdirectory ?? '',
    spec: spec ?? '',
    source_build_method: source_build_method ?? 'rpkg',
  }
}

function distgitSource(
  { config }: Frontend,
  fields: z.output<(typeof SOURCE_FIELDS)['distgit']>,
  name: string,
): SourceSettings['json'] {
  const instances = config.distgit_instances.toSorted((a, b) => b.priority - a.priority)
  const instance = fields.distgit
    ? instances.find((each) => each.name === fields.distgit)
    : instances[0]
  if (!instance)
    throw new CoprError(
      'invalid',
      `distgit: DistGit ID must be one of: ${instances.map((each) => each.name).join(', ')}`,
    )
  const namespace = fields.namespace || instance.default_namespace
  if (namespace === undefined && instance.clone_url.includes('{namespace}'))
    throw new CoprError(
      'invalid',
      `distgit: Can not validate DistGit input: namespace is not specified, and ${instance.name} requires one`,
    )
  return {
    clone_url: cloneUrl(instance.clone_url, { namespace: namespace ?? '', name }),
    distgit: instance.name,
    ...(fields.namespace ? { namespace: fields.namespace } : {}),
    ...(fields.committish ? { committish: fields.committish } : {}),
  }
}

/** Fills in the template of a clone URL. If the namespace is empty, the slash after it is removed as well. */
function cloneUrl(template: string, { namespace, name }: { namespace: string; name: string }) {
  const plain = namespace === '' ? template.replace('{namespace}/', '') : template
  return fillTemplate(plain, { namespace, name })
}

function pypiSource(fields: z.output<(typeof SOURCE_FIELDS)['pypi']>): SourceSettings['json'] {
  const { python_versions = [] } = fields
  return {
    pypi_package_name: fields.pypi_package_name,
    pypi_package_version: fields.pypi_package_version || null,
    spec_generator: fields.spec_generator ?? 'pyp2spec',
    spec_template: fields.spec_template ?? '',
    python_versions: python_versions.length === 0 ? ['3'] : python_versions,
  }
}

async function customSource(
  frontend: Frontend,
  fields: z.output<(typeof SOURCE_FIELDS)['custom']>,
): Promise<SourceSettings['json']> {
  const chroot = fields.chroot ?? DEFAULT_CHROOT
  if (!FEDORA_LATEST.test(chroot)) {
    const active = await listActiveChroots(frontend.db)
    if (!active.some(({ name }) => name === chroot))
      throw new CoprError('invalid', `chroot: ${chroot} is not an active chroot`)
  }
  return {
    script: scriptText(fields.script),
    chroot,
    builddeps: (fields.builddeps ?? []).join(' '),
    resultdir: fields.resultdir ?? '',
    repos: (fields.repos ?? []).join(' '),
  }
}

/** Converts Windows line endings. With them, the first line of the script would name an interpreter that does not exist. */
function scriptText(script: string): string {
  const unix = /^[^\n]*\r\n/.test(script) ? script.replaceAll('\r\n', '\n') : script
  return unix.endsWith('\n') ? unix : `${unix}\n`
}

async function newestFedora({ db }: Frontend, arch: string): Promise<string> {
  const versions = (await listActiveChroots(db)).flatMap(({ name }) => {
    const parts = splitChrootName(name)
    const isBranched = parts?.os_release === 'fedora' && /^\d+$/.test(parts.os_version)
    return isBranched && parts.arch === arch ? [{ name, version: Number(parts.os_version) }] : []
  })
  const newest = versions.toSorted((a, b) => b.version - a.version).at(0)
  if (!newest)
    throw new CoprError(
      'invalid',
      `chroot: this site has no Fedora chroot for ${arch}: choose another chroot`,
    )
  return newest.name
}
