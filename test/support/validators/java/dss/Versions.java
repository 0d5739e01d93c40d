import eu.europa.esig.dss.validation.SignedDocumentValidator;

/** Prints the version of what judges. */
public final class Versions {
  public static void main(String[] args) {
    System.out.println("EU DSS " + SignedDocumentValidator.class.getPackage().getImplementationVersion());
  }
}
