import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { missingPrograms } from '../system/requirements.ts'
import { findBinaries, MODULE_DIR } from './binaries.ts'
import { CNI_DIRS } from './nodes/node-files.ts'

/** Returns why no cluster can be started on this machine, as a reason to skip tests; false if one can be started. */
export function whyNoCluster(path: string | undefined): string | false {
  const missing = missingPrograms(path, ['openssl', 'setpriv', 'flock'])
  if (missing.length > 0) return `needs ${missing.join(', ')}`
  return findBinaries() ? false : whyNoBuild(path)
}

const NODE_PROGRAMS = [
  'containerd',
  'ctr',
  'runc',
  'iptables',
  'ip',
  'unshare',
  'nsenter',
  'busybox',
]

/** Returns why pods cannot really run on this machine, as a reason to skip tests; false if they can. */
export function whyNoNode(path: string | undefined): string | false {
  if (process.getuid?.() !== 0) return 'needs root: a node has namespaces of its own'
  const missing = missingPrograms(path, NODE_PROGRAMS)
  if (missing.length > 0) return `needs ${missing.join(', ')}`
  if (!CNI_DIRS.some((dir) => existsSync(dir))) return 'needs containernetworking-plugins'
  const { status, stderr } = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', 'true'])
  if (status !== 0) return `needs namespaces: ${stderr.toString().trim()}`
  return whyNoCluster(path)
}

function whyNoBuild(path: string | undefined): string | false {
  const wanted = /^go (\S+)$/m.exec(readFileSync(join(MODULE_DIR, 'go.mod'), 'utf8'))?.[1] ?? ''
  const needs = `needs Go ${wanted} or newer to build Kubernetes`
  if (missingPrograms(path, ['go']).length > 0) return `${needs}, and there is none`
  // A newer Go downloads the version that the module requires, if downloads are allowed.
  const { stdout, stderr } = spawnSync('go', ['version'], { cwd: MODULE_DIR, encoding: 'utf8' })
  const found = /^go version go([\d.]+)/.exec(stdout)?.[1]
  if (found === undefined) return `${needs}: ${stderr.trim()}`
  return isOlder(found, wanted) ? `${needs}, and this is ${found}` : false
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0
}
