/**
 * Pattern of an object identifier in dotted form (X.660 7.6), whose numbers have 14 digits at most: larger ones, as
 * those that are made of a UUID, asn1js encodes as nothing.
 */
export const OBJECT_IDENTIFIER = '([01]\\.[1-3]?[0-9]|2\\.(0|[1-9][0-9]{0,13}))(\\.(0|[1-9][0-9]{0,13}))*'
