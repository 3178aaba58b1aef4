/** The permitted content of an element of a comps file: attributes, and either child elements or text. */
export interface CompsElement {
  attributes?: readonly string[]
  /** Names of the permitted child elements, which are keys of `COMPS_ELEMENTS`. An element without `children` contains text. */
  children?: readonly string[]
}

const NAMED = ['id', 'name', 'description', 'display_order']

/** The complete format, as libcomps reads it. RHEL composes also use the attribute `variant`. */
export const COMPS_ELEMENTS: Readonly<Record<string, CompsElement>> = {
  comps: { children: ['group', 'category', 'environment', 'langpacks', 'whiteout', 'blacklist'] },
  group: {
    attributes: ['arch', 'variant'],
    children: [...NAMED, 'default', 'uservisible', 'biarchonly', 'langonly', 'packagelist'],
  },
  category: { attributes: ['arch', 'variant'], children: [...NAMED, 'grouplist'] },
  environment: { attributes: ['arch', 'variant'], children: [...NAMED, 'grouplist', 'optionlist'] },
  id: {},
  name: { attributes: ['xml:lang'] },
  description: { attributes: ['xml:lang'] },
  display_order: {},
  default: {},
  uservisible: {},
  biarchonly: {},
  langonly: {},
  packagelist: { children: ['packagereq'] },
  packagereq: { attributes: ['type', 'requires', 'basearchonly', 'arch', 'variant'] },
  grouplist: { children: ['groupid'] },
  optionlist: { children: ['groupid'] },
  groupid: { attributes: ['default', 'arch', 'variant'] },
  langpacks: { children: ['match'] },
  match: { attributes: ['name', 'install'], children: [] },
  whiteout: { children: ['ignoredep'] },
  ignoredep: { attributes: ['requires', 'package'], children: [] },
  blacklist: { children: ['package'] },
  package: { attributes: ['name', 'arch'], children: [] },
}
