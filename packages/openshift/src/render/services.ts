import type { KubeObject } from '../objects/kube-object.ts'
import { servesTls } from './program-config.ts'
import { hasPools, meta, type Part, PARTS, partLabel, POSTGRES_PORT, type Scene } from './scene.ts'

/** Where each part is found inside the cluster, under its own name, whatever pod it is in. */
export function services(scene: Scene): KubeObject[] {
  const parts = (Object.keys(PARTS) as Part[]).filter((part) => part !== 'resalloc')
  return [
    ...parts.map((part) => {
      const { port } = PARTS[part]
      return service(scene, part, [
        { name: servesTls(scene, part) ? 'https' : 'http', port, targetPort: part },
        probesOf(part),
      ])
    }),
    // Nobody asks it for anything: only how it is.
    ...(hasPools(scene) ? [service(scene, 'resalloc', [probesOf('resalloc')])] : []),
    ...(scene.vars.database.mode === 'embedded'
      ? [
          service(scene, 'postgresql', [
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

function service(scene: Scene, name: Part | 'postgresql', ports: object[]): KubeObject {
  const makesCertificate = scene.facts.service_ca && servesTls(scene, name)
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(
      scene,
      name,
      makesCertificate
        ? { annotations: { 'service.beta.openshift.io/serving-cert-secret-name': `${name}-tls` } }
        : {},
    ),
    spec: { selector: partLabel(name), ports },
  }
}
