import type { KubeObject } from '@copr/kube-client/kube-object'
import { meta } from '../render/render-context.ts'

/** The images that are built from the checkout, in build order. The server image is first, because the others are based on it. */
export const DEV_IMAGES = ['server', 'postgresql', 'builder'] as const
export type DevImage = (typeof DEV_IMAGES)[number]

export interface BuildOf {
  namespace: string
  image: DevImage
  /** Build arguments: version, revision and, for images that are based on the server image, its reference. */
  args: Record<string, string>
}

const BUILDS = 'build.openshift.io/v1'
const IMAGES = 'image.openshift.io/v1'
/** Label of the objects that `coprctl dev down` removes. */
export const DEV_LABEL = { 'copr/dev': 'true' }

export const devName = (image: DevImage): string => `copr-${image}`

/** Returns the ImageStream of an image and the BuildConfig that builds it from an upload. */
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

/** Allows builder pods, which have a namespace of their own, to pull images that were built in this namespace. */
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
