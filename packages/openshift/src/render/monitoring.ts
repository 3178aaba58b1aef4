import { amountOf } from '@copr/contract/deployment/quantity'
import type { KubeObject } from '@copr/kube-client/kube-object'
import {
  hasPools,
  meta,
  type Component,
  PART_OF,
  COMPONENTS,
  type RenderContext,
} from './render-context.ts'

const API = 'monitoring.coreos.com/v1'

/** Whether to render alerting rules and the objects through which programs are monitored. */
export function isMonitored({ vars, facts }: Pick<RenderContext, 'vars' | 'facts'>): boolean {
  return vars.monitoring.enabled !== false && facts.monitoring
}

export function monitoring(context: RenderContext): KubeObject[] {
  if (!isMonitored(context)) return []
  return [
    {
      apiVersion: API,
      kind: 'ServiceMonitor',
      metadata: meta(context, 'copr'),
      spec: {
        selector: { matchLabels: PART_OF },
        endpoints: [{ port: 'probes', path: '/metrics', interval: '30s' }],
      },
    },
    {
      apiVersion: API,
      kind: 'PrometheusRule',
      metadata: meta(context, 'copr'),
      spec: { groups: [{ name: 'copr', rules: alerts(context) }] },
    },
  ]
}

interface Alert {
  alert: string
  expr: string
  for: string
  labels: { severity: 'warning' | 'critical' }
  annotations: { summary: string; description: string }
}

/** The alerting rules, which use only metrics that the programs export (packages/server/src/component-metrics.ts). */
function alerts(context: RenderContext): Alert[] {
  const { namespace } = context
  const of = (metric: string, more = ''): string =>
    `${metric}{namespace="${namespace}"${more && `,${more}`}}`
  return [
    alert('CoprNoBuilders', 'critical', '15m', {
      // Several backends export the same value, so the expression takes the maximum.
      expr: `max(${of('copr_queue_tasks', 'kind="rpm",state="queued"')}) > 0 and max(${of('copr_builders_present')}) == 0`,
      summary: 'Builds are waiting, and there is no builder',
      description: 'See coprctl builders waiting, and coprctl builders pools.',
    }),
    alert('CoprQueueSlow', 'warning', '10m', {
      expr: `max by (kind) (${of('copr_queue_oldest_seconds', 'state="queued"')}) > 7200`,
      summary: 'A {{ $labels.kind }} task has waited for more than two hours',
      description: 'See coprctl builders waiting: more machines are needed, or none matches.',
    }),
    alert('CoprPublishStalled', 'critical', '15m', {
      expr: `max(${of('copr_repositories_waiting')}) > 0 and time() - max(${of('copr_last_publication_timestamp_seconds')}) > 1800`,
      summary: 'Built packages are not published',
      description: 'See the log of the backend, and check that keygen responds.',
    }),
    alert('CoprEventsStalled', 'warning', '10m', {
      // Webhooks are excluded, because each one depends on its own receiver, and the members of the project see its failures.
      expr: `max by (channel) (${of('copr_outbox_oldest_seconds', 'channel=~"amqp|mail"')}) > 900`,
      summary: 'Events for {{ $labels.channel }} have waited for more than 15 minutes',
      description: 'See coprctl events, and check that the server responds.',
    }),
    ...watchedComponents(context).map((component) =>
      alert(component === 'keygen' ? 'CoprKeygenDown' : 'CoprComponentDown', 'critical', '5m', {
        expr: `absent(${of('copr_build_info', `component="${component}"`)})`,
        summary: `No ${component} is running`,
        description: `${component === 'keygen' ? 'Nothing is signed. ' : ''}See coprctl doctor.`,
      }),
    ),
    alert('CoprVolumeFull', 'warning', '15m', {
      expr: `min by (volume) (${of('copr_volume_free_bytes')} / ${of('copr_volume_size_bytes')}) < 0.1`,
      summary: 'The volume {{ $labels.volume }} is nearly full',
      description: 'Make its claim larger (storage in vars.yml), or delete builds.',
    }),
    ...databaseAlert(context, of('copr_database_bytes')),
  ]
}

/** The components of this deployment. */
function watchedComponents(context: RenderContext): Component[] {
  return (Object.keys(COMPONENTS) as Component[]).filter(
    (component) => component !== 'resalloc' || hasPools(context),
  )
}

/** Returns an alert for when the embedded database is nearly full. The sizes of other databases are unknown. */
function databaseAlert({ vars, profile }: RenderContext, metric: string): Alert[] {
  if (vars.database.mode !== 'embedded') return []
  const size = vars.database.size ?? profile.database
  return [
    alert('CoprDatabaseFull', 'critical', '15m', {
      // The remaining 20 % of the volume is for the write-ahead log.
      expr: `max(${metric}) > ${Math.floor(amountOf(size) * 0.8)}`,
      summary: `The database has used 80 % of its ${size}`,
      description: 'Make its claim larger: database.size in vars.yml, then coprctl deploy.',
    }),
  ]
}

function alert(
  name: string,
  severity: 'warning' | 'critical',
  duration: string,
  { expr, summary, description }: { expr: string; summary: string; description: string },
): Alert {
  const annotations = { summary, description }
  return { alert: name, expr, for: duration, labels: { severity }, annotations }
}
