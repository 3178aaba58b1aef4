import type { FuzzTarget } from './target.ts'
import { comps } from './targets/comps.ts'
import { cpio } from './targets/cpio.ts'
import { form } from './targets/form.ts'
import { json } from './targets/json.ts'
import { multipart } from './targets/multipart.ts'
import { rpmHeader } from './targets/rpm-header.ts'
import { webhook } from './targets/webhook.ts'
import { xz } from './targets/xz.ts'

export const TARGETS: readonly FuzzTarget[] = [
  form,
  multipart,
  json,
  webhook,
  comps,
  rpmHeader,
  cpio,
  xz,
]

export function targetOf(name: string | undefined): FuzzTarget {
  const found = TARGETS.find((each) => each.name === name)
  if (found) return found
  const names = TARGETS.map((each) => each.name).join(', ')
  throw new Error(`Cannot fuzz ${name ?? 'nothing'}: TARGET is one of ${names}`)
}
