import type { ScmSettings } from '@copr/contract/made-sources'
import { BuildFailure } from '../../build-failure.ts'
import { withoutCredentials } from '../download-from-user.ts'

/** The classification of failures that are caused by the settings of the source. */
export const SETTINGS = { category: 'prep', hint: 'Correct the source of the package.' } as const

const PROTOCOLS = { git: ['http:', 'https:', 'git:'], svn: ['http:', 'https:', 'svn:'] }

/** Throws a BuildFailure unless the settings are safe to pass to programs as arguments. */
export function checkScmSettings(
  settings: Pick<ScmSettings, 'type' | 'clone_url' | 'committish' | 'subdirectory' | 'spec'>,
): void {
  const { type, clone_url, committish, subdirectory, spec } = settings
  checkCloneUrl(type, clone_url)
  if (/^-|[\s~^:?*[\\]|\.\./.test(committish))
    throw new BuildFailure(
      `Cannot check out ${JSON.stringify(committish)}: it is not a branch, tag or commit`,
      SETTINGS,
    )
  if (type === 'svn' && !/^(r?\d{1,10}|HEAD)?$/.test(committish))
    throw new BuildFailure(
      `Cannot check out ${JSON.stringify(committish)}: with Subversion, use the number of a revision or HEAD; a branch is a part of the URL`,
      SETTINGS,
    )
  for (const [name, path] of Object.entries({ subdirectory, spec }))
    if (path.startsWith('-') || path.split('/').includes('..') || /\p{Cc}/u.test(path))
      throw new BuildFailure(
        `Cannot use the ${name} ${JSON.stringify(path)}: it is not a path in the repository`,
        SETTINGS,
      )
}

function checkCloneUrl(type: ScmSettings['type'], clone_url: string): void {
  const url = /[\s\p{Cc}]/u.test(clone_url) ? null : URL.parse(clone_url)
  const shown = withoutCredentials(clone_url)
  if (!url || !PROTOCOLS[type].includes(url.protocol) || url.hostname.startsWith('-'))
    throw new BuildFailure(
      `Cannot clone ${shown}: use a URL that begins with ${PROTOCOLS[type].join('//, ')}//`,
      SETTINGS,
    )
  if (!url.protocol.startsWith('http') && (url.username !== '' || url.password !== ''))
    throw new BuildFailure(
      `Cannot clone ${shown}: passwords are sent to http:// and https:// URLs only; remove the user name`,
      SETTINGS,
    )
}
