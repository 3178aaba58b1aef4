import { debianRoot } from './debian-root.ts'
import type { FreshRoot } from './fresh-root.ts'
import { rpmRoot } from './rpm-root.ts'

/** The roots in the order in which `make test-fresh` tries them. */
export const FRESH_ROOTS: readonly FreshRoot[] = [
  debianRoot({ name: 'debian-12', codename: 'bookworm' }),
  debianRoot({ name: 'debian-13', codename: 'trixie' }),
  rpmRoot(),
]
