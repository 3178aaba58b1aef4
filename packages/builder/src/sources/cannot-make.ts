import type { FinishRequest, MadeSource } from '@copr/contract/builder-protocol'

const WORDS: Record<MadeSource['type'], string> = {
  scm: 'a repository (SCM)',
  distgit: 'another dist-git',
  pypi: 'PyPI',
  rubygems: 'RubyGems',
  custom: 'a script',
}

/** The end of a build whose source package no builder can make. */
export function cannotMake({ type }: MadeSource): FinishRequest {
  const reason = `This site cannot make source packages from ${WORDS[type]} yet: upload a .src.rpm instead`
  return { outcome: 'failed', reason, files: [] }
}
