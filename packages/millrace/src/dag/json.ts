/** What can stand in a plan, an input or a result: it survives JSON without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
