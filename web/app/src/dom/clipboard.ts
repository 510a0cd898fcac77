/** Copies what is in the field; false if the browser does not let us. The field's text is selected then, to be copied by hand. */
export async function copyText(field: HTMLInputElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // Only pages that came by https, or from this machine, have a clipboard.
    field.focus();
    field.select();
    return false;
  }
}
