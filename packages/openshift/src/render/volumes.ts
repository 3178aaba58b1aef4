import type { KubeObject } from '@copr/kube-client/kube-object'
import { bucketClaim, isInS3 } from './results-in-s3.ts'
import { meta, type RenderContext } from './render-context.ts'

/** Renders the claims for data that cannot be recreated. Deploying never deletes one. */
export function volumes(context: RenderContext): KubeObject[] {
  const { vars, profile } = context
  const { results, distgit } = vars.storage
  const claim = (
    name: string,
    size: string,
    more: { class?: string | undefined; mode?: string },
  ) => {
    const storageClassName = more.class ?? vars.storage.class
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: meta(context, name),
      spec: {
        accessModes: [more.mode ?? 'ReadWriteOnce'],
        ...(storageClassName === undefined ? {} : { storageClassName }),
        resources: { requests: { storage: size } },
      },
    }
  }
  return [
    ...bucketClaim(context),
    ...(isInS3(vars)
      ? []
      : [
          claim('results', results.size ?? profile.results, {
            class: results.class,
            mode: context.is_shared ? 'ReadWriteMany' : 'ReadWriteOnce',
          }),
        ]),
    claim('sources', distgit.size ?? profile.sources, { class: distgit.class }),
    ...(vars.database.mode === 'embedded'
      ? [
          // No second pod may mount the volume, not even on the same node.
          claim('database', vars.database.size ?? profile.database, { mode: 'ReadWriteOncePod' }),
        ]
      : []),
  ]
}
