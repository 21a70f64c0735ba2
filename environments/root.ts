import { projectRoot } from '../stack/project-root.ts';

/** The repository's root: where package.json and dbt_project stand, whether this file runs from source or from dist. */
export const repositoryRoot = projectRoot();
