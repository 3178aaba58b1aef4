import type { QuotaKind } from '@copr/contract/quota-kinds'
import type { QuotaReport, QuotaRow } from '@copr/domain/quotas/quota-report'
import { formatBytes } from '@copr/process/format-bytes'
import { html } from 'hono/html'
import { alert, card, facts } from '../pages/parts.ts'
import type { Html } from '../pages/view.ts'

/** Users see a warning when they have used this fraction of a quota. */
const WARNED_FROM = 0.9

/** Renders the use and the limits of an owner or a project in plain words. */
export function quotaCard(title: string, report: QuotaReport, note: string): Html {
  const { storage } = report
  const rowOf = (kind: QuotaKind): QuotaRow | undefined =>
    report.rows.find((row) => row.kind === kind)
  const parts = `results and logs ${formatBytes(storage.results)}, sources ${formatBytes(storage.sources)}`
  const upload = rowOf('upload_bytes')?.max
  const unpacked = rowOf('unpacked_bytes')?.max
  const content = html`${warning(rowOf('storage_bytes'))}
    ${facts([
      [
        'Storage',
        html`${useText(rowOf('storage_bytes'))}<br /><span class="quiet">${parts}</span>`,
      ],
      ['Running', tasksText(rowOf('running_builds'))],
      ['Waiting', tasksText(rowOf('queued_builds'))],
      ...(typeof upload === 'number' && typeof unpacked === 'number'
        ? [
            [
              'Largest source package',
              `${formatBytes(upload)}, with contents of ${formatBytes(unpacked)}`,
            ] as [string, string],
          ]
        : []),
    ])}
    <p class="help">
      ${note} A build has one task for its source and one for each chroot. To free storage, delete
      builds, packages or projects. An administrator of the site can raise a limit.
    </p>`
  return card(title, content)
}

/** Describes the storage in use: `1.2 GiB of 100 GiB`. */
export function useText(row: Pick<QuotaRow, 'used' | 'max'> | undefined): string {
  const used = formatBytes(row?.used ?? 0)
  const max = row?.max ?? null
  return max === null ? `${used}, without a limit` : `${used} of ${formatBytes(max)}`
}

function tasksText(row: QuotaRow | undefined): string {
  const used = row?.used ?? 0
  const max = row?.max ?? null
  const tasks = `${used} ${used === 1 ? 'task' : 'tasks'}`
  return max === null ? `${tasks}, without a limit` : `${tasks} of at most ${max}`
}

function warning(row: QuotaRow | undefined): Html | string {
  const { used = 0, max = null } = row ?? {}
  if (max === null || used === null || used < max * WARNED_FROM) return ''
  return used < max
    ? alert('warning', 'The storage is almost full')
    : alert('danger', 'The storage is full: new builds are refused')
}
