import { MillraceError } from './errors.ts';
import type { Json } from './json.ts';
import type { Template } from './plan.ts';
import { type Path, type RefTarget, targetOf } from './ref.ts';

/** Where a template's Refs go: returns the JSON that stands for the Ref. */
export type RefEncoder<Node> = (target: RefTarget<Node>) => Template;

/**
 * A value with Refs inside as plan data. Throws MR1007 for what JSON cannot hold; `subject` names the value in it.
 * Absent (undefined) fields are left out.
 */
export function encodeTemplate<Node>(value: unknown, encode: RefEncoder<Node>, subject: string): Template | undefined {
  return encodeValue(value, encode, subject, false);
}

/** Checks that `value` survives JSON; throws MR1007. Returns it without its undefined fields. */
export function toJson(value: unknown, subject: string): Json {
  return encodeValue(value, () => null, subject, true) ?? null;
}

function encodeValue<Node>(
  value: unknown,
  encode: RefEncoder<Node>,
  subject: string,
  literal: boolean,
): Template | undefined {
  const parents = new Set<object>();
  const visit = (part: unknown, path: string, inLiteral: boolean): Template | undefined => {
    if (part === undefined || part === null || typeof part === 'string' || typeof part === 'boolean') {
      return part as Template | undefined;
    }
    if (typeof part === 'number' && Number.isFinite(part)) return part;
    if (typeof part !== 'object') throw notJson(subject, path, describeValue(part));
    const target = targetOf<Node>(part);
    if (target !== undefined) {
      if (inLiteral) throw notJson(subject, path, 'a result that is not there yet, where only a literal can stand');
      return encode(target);
    }
    if (parents.has(part)) throw notJson(subject, path, 'a circular reference');
    parents.add(part);
    const isArray = Array.isArray(part);
    if (!isArray && !isPlainObject(part)) throw notJson(subject, path, describeValue(part));
    // An object that looks like one of the template's own marks is taken literally.
    const marked = !inLiteral && !isArray && Object.keys(part).some((key) => key.startsWith('$'));
    let encoded: Template;
    if (isArray) encoded = part.map((element, index) => visit(element, `${path}[${index}]`, inLiteral) ?? null);
    else {
      const entries: [string, Template][] = [];
      for (const [key, element] of Object.entries(part)) {
        const field = visit(element, `${path}.${key}`, inLiteral || marked);
        if (field !== undefined) entries.push([key, field]);
      }
      encoded = Object.fromEntries(entries);
    }
    parents.delete(part);
    return marked ? { $json: encoded } : encoded;
  };
  return visit(value, '', literal);
}

/** Gives the values that a template's references stand for. */
export interface TemplateReader {
  ref(node: string, at: Path): Json | undefined;
  outcome(node: string, at: Path): Json | undefined;
  item(depth: number, at: Path): Json | undefined;
  run(at: Path): Json | undefined;
}

/** A template with the values in. Fields whose value is absent are left out. */
export function decodeTemplate(template: Template, reader: TemplateReader): Json | undefined {
  if (typeof template !== 'object' || template === null) return template;
  if (isList(template)) return template.map((element) => decodeTemplate(element, reader) ?? null);
  const at = (template.at ?? []) as Path;
  if ('$json' in template) return template.$json;
  if ('$ref' in template) return reader.ref(String(template.$ref), at);
  if ('$outcome' in template) return reader.outcome(String(template.$outcome), at);
  if ('$item' in template) return reader.item(Number(template.$item), at);
  if ('$run' in template) return reader.run(template.$run as Path);
  const entries: [string, Json][] = [];
  for (const [key, element] of Object.entries(template)) {
    const value = decodeTemplate(element, reader);
    if (value !== undefined) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

/** What a template refers to. */
export interface TemplateRefs {
  readonly refs: Set<string>;
  readonly outcomes: Set<string>;
  /** Depths of the mapped bodies whose item is used. */
  readonly items: Set<number>;
}

/** The references of a template. */
export function templateRefs(template: Template | undefined): TemplateRefs {
  const found: TemplateRefs = { refs: new Set(), outcomes: new Set(), items: new Set() };
  if (template === undefined) return found;
  decodeTemplate(template, {
    ref: (node) => void found.refs.add(node),
    outcome: (node) => void found.outcomes.add(node),
    item: (depth) => void found.items.add(depth),
    run: () => undefined,
  });
  return found;
}

/**
 * The part of a value at a path; undefined where the last step finds nothing. Throws MR1020 where an earlier step does.
 */
export function pick(value: Json | undefined, at: Path, subject: string): Json | undefined {
  let part = value;
  for (const [index, step] of at.entries()) {
    if (typeof part !== 'object' || part === null) {
      throw new MillraceError({
        code: 'MR1020',
        message: `The result of '${subject}' has no '${at.join('.')}': ${
          index === 0 ? 'it' : `'${at.slice(0, index).join('.')}'`
        } is ${part === undefined ? 'absent' : JSON.stringify(part)}.`,
        subject,
        hint: 'Make the task return the field, or pass the whole result on and look there.',
        facts: { path: at.join('.') },
        retryable: false,
      });
    }
    part = (part as { readonly [key: string]: Json })[step];
  }
  return part;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function describeValue(value: unknown): string {
  if (typeof value === 'object' && value !== null) return `a ${value.constructor?.name ?? 'special object'}`;
  if (typeof value === 'number') return String(value);
  return typeof value === 'function' ? 'a function' : `a ${typeof value}`;
}

function notJson(subject: string, path: string, what: string): MillraceError {
  const place = path === '' ? 'it' : `'${path.replace(/^\./, '')}'`;
  return new MillraceError({
    code: 'MR1007',
    message: `${subject} cannot be written as JSON: ${place} is ${what}.`,
    subject,
    hint: 'Pass strings, finite numbers, booleans, null, lists and plain objects; write dates and decimals as strings.',
    facts: { path: path.replace(/^\./, ''), found: what },
    retryable: false,
  });
}
