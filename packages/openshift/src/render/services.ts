import type { KubeObject } from '../objects/kube-object.ts'
import { servesTls } from './program-config.ts'
import {
  hasPools,
  meta,
  type Part,
  PARTS,
  partLabel,
  POSTGRES_PORT,
  type RenderContext,
} from './render-context.ts'

/** Where each part is found inside the cluster, under its own name, whatever pod it is in. */
export function services(context: RenderContext): KubeObject[] {
  const parts = (Object.keys(PARTS) as Part[]).filter((part) => part !== 'resalloc')
  return [
    ...parts.map((part) => {
      const { port } = PARTS[part]
      return service(context, part, [
        { name: servesTls(context, part) ? 'https' : 'http', port, targetPort: part },
        probesOf(part),
      ])
    }),
    // Nobody asks it for anything: only how it is.
    ...(hasPools(context) ? [service(context, 'resalloc', [probesOf('resalloc')])] : []),
    ...(context.vars.database.mode === 'embedded'
      ? [
          service(context, 'postgresql', [
            { name: 'postgresql', port: POSTGRES_PORT, targetPort: 'postgresql' },
          ]),
        ]
      : []),
  ]
}

function probesOf(part: Part): object {
  return {
    name: 'probes',
    port: PARTS[part].probes_port,
    targetPort: `${part.slice(0, 8)}-probe`,
  }
}

function service(context: RenderContext, name: Part | 'postgresql', ports: object[]): KubeObject {
  const makesCertificate = context.facts.service_ca && servesTls(context, name)
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(
      context,
      name,
      makesCertificate
        ? { annotations: { 'service.beta.openshift.io/serving-cert-secret-name': `${name}-tls` } }
        : {},
    ),
    spec: { selector: partLabel(name), ports },
  }
}
