import type { FinishRequest } from '@copr/contract/builder-protocol'
import type { DistgitLayout } from '@copr/contract/configuration/distgit-instances'
import { DistgitSettings } from '@copr/contract/made-sources'
import type { TaskContext } from '@copr/agent/handler'
import { BuildFailure } from '../build-failure.ts'
import type { EngineOptions } from '../engine.ts'
import { buildSource } from './build-source.ts'
import { copySources, SOURCES } from './copy-sources.ts'
import { withoutCredentials } from './download-from-user.ts'
import type { MadeTask } from './from-script.ts'
import { fetchListedSources } from './distgit/listed-sources.ts'
import { expandAutoMacros } from './distgit/auto-macros.ts'
import { makeSrpm, type SourceWork } from './make-srpm.ts'
import { checkScmSettings, SETTINGS } from './scm/check-settings.ts'
import { cloneGit } from './scm/git.ts'
import { locatePackage, onlySpec } from './scm/locate.ts'

/** Clones a package of another dist-git, downloads the sources that its list names, and makes an SRPM of them. */
export async function makeFromDistgit(
  task: MadeTask,
  context: TaskContext,
  options: EngineOptions,
): Promise<FinishRequest> {
  const settings = DistgitSettings.parse(task.source.settings)
  return await makeSrpm(task, context, options, {
    title: withoutCredentials(settings.clone_url),
    packages: ['git-core', 'findutils'],
    async prepare() {
      layoutOf(settings)
      checkScmSettings({ type: 'git', subdirectory: '', spec: '', ...settings })
    },
    make: (work) => makeFromClone(work, settings, layoutOf(settings)),
  })
}

function layoutOf({ distgit, layout }: DistgitSettings): DistgitLayout {
  if (layout) return layout
  throw new BuildFailure(`this site has no dist-git ${JSON.stringify(distgit)} any more`, {
    ...SETTINGS,
    hint: 'Choose another dist-git in the source of the package.',
  })
}

async function makeFromClone(
  work: SourceWork,
  settings: DistgitSettings,
  layout: DistgitLayout,
): Promise<void> {
  const top = await cloneGit(work, settings)
  const name = packageName(settings.clone_url)
  const specs = await locatePackage(work, top, { subdirectory: layout.specs_dir, spec: '' })
  const own = specs.specs.find((path) => path === `${specs.directory}/${name}.spec`)
  const spec = own ?? onlySpec(specs, top)
  const { directory } = await locatePackage(work, top, {
    subdirectory: layout.sources_dir,
    spec: '',
  })
  const outside = await copySources(work, { folder: directory, top })
  const list = await fetchListedSources(work, { top, name, settings, layout })
  const expanded = await expandAutoMacros(work, { top, spec })
  await buildSource(work, { spec: expanded, sources: SOURCES, outside, list })
}

/** Returns the name by which the dist-git knows the package: the last segment of the URL's path, without `.git`. */
function packageName(clone_url: string): string {
  const path = (URL.parse(clone_url)?.pathname ?? '').replace(/\/+$/, '')
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.git$/, '')
}
