import type { KubeObject } from '../objects/kube-object.ts'
import { meta } from '../render/render-context.ts'

/** The images of this folder, in the order in which they are built: each of the others begins with that of the servers. */
export const DEV_IMAGES = ['server', 'postgresql', 'builder'] as const
export type DevImage = (typeof DEV_IMAGES)[number]

export interface BuildOf {
  namespace: string
  image: DevImage
  /** Build arguments: what the others begin with, version and revision. */
  args: Record<string, string>
}

const BUILDS = 'build.openshift.io/v1'
const IMAGES = 'image.openshift.io/v1'
/** Marks what `coprctl dev down` removes. */
export const DEV_LABEL = { 'copr/dev': 'true' }

export const devName = (image: DevImage): string => `copr-${image}`

/** Where an image is kept, and how it is built from what is uploaded. */
export function buildObjects({ namespace, image, args }: BuildOf): KubeObject[] {
  const metadata = () =>
    meta({ namespace }, devName(image), { component: 'dev', labels: DEV_LABEL })
  return [
    { apiVersion: IMAGES, kind: 'ImageStream', metadata: metadata() },
    {
      apiVersion: BUILDS,
      kind: 'BuildConfig',
      metadata: metadata(),
      spec: {
        source: { type: 'Binary', binary: {} },
        strategy: {
          type: 'Docker',
          dockerStrategy: {
            dockerfilePath: `images/${image}.Containerfile`,
            buildArgs: Object.entries(args).map(([name, value]) => ({ name, value })),
          },
        },
        output: { to: { kind: 'ImageStreamTag', name: `${devName(image)}:latest` } },
        runPolicy: 'SerialLatestOnly',
        successfulBuildsHistoryLimit: 2,
        failedBuildsHistoryLimit: 2,
      },
    },
  ]
}

/** Builder pods have a namespace of their own, and may pull what this one has built. */
export function pullersOf(namespace: string, buildersNamespace: string): KubeObject {
  const rbac = 'rbac.authorization.k8s.io'
  return {
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata: meta({ namespace }, 'builders-pull', { component: 'dev', labels: DEV_LABEL }),
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'system:image-puller' },
    subjects: [
      { apiGroup: rbac, kind: 'Group', name: `system:serviceaccounts:${buildersNamespace}` },
    ],
  }
}
