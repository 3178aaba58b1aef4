import type { KubeObject } from '@copr/kube-client/kube-object'
import { servesTls } from './program-config.ts'
import {
  hasPools,
  meta,
  type Component,
  COMPONENTS,
  componentLabel,
  POSTGRES_PORT,
  type RenderContext,
} from './render-context.ts'

/** Renders a Service for each component, named after the component regardless of the pod that runs it. */
export function services(context: RenderContext): KubeObject[] {
  const components = (Object.keys(COMPONENTS) as Component[]).filter(
    (component) => component !== 'resalloc',
  )
  return [
    ...components.map((component) => {
      const { port } = COMPONENTS[component]
      return service(context, component, [
        { name: servesTls(context, component) ? 'https' : 'http', port, targetPort: component },
        probesOf(component),
      ])
    }),
    // resalloc serves no requests: its Service exposes only the probes.
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

function probesOf(component: Component): object {
  return {
    name: 'probes',
    port: COMPONENTS[component].probes_port,
    targetPort: `${component.slice(0, 8)}-probe`,
  }
}

function service(
  context: RenderContext,
  name: Component | 'postgresql',
  ports: object[],
): KubeObject {
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
    spec: { selector: componentLabel(name), ports },
  }
}
