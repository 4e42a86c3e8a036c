"""Which numbers there are: what forms and columns call each, so that a template needs no word of a kind."""

from __future__ import annotations

from dataclasses import dataclass

from . import national


@dataclass(frozen=True, slots=True)
class Identifier:
    """A kind of number: its entity, its names in prose and in data, where it belongs, how to make one."""

    entity: str
    labels: tuple[str, ...]
    key: str
    locales: tuple[str, ...]
    make: national.Make


_US, _UK, _AU, _IN, _IT, _DE = ("en_US",), ("en_GB",), ("en_AU",), ("en_IN",), ("it_IT",), ("de_DE",)
IDENTIFIERS: tuple[Identifier, ...] = (
    Identifier("US_SSN", ("SSN", "Social Security Number", "social security no.", "SS#"), "ssn", _US, national.ssn),
    Identifier("US_ITIN", ("ITIN", "Individual Taxpayer Identification Number", "taxpayer id (ITIN)"), "itin", _US, national.itin),
    Identifier("US_PASSPORT", ("US passport", "Passport number", "passport no."), "passport_number", _US, national.shape("%########", "@########")),
    Identifier("US_DRIVER_LICENSE", ("Driver's license", "driver license number", "DL#"), "drivers_license", _US, national.us_licence),
    Identifier("US_BANK_NUMBER", ("Account number", "bank account no.", "checking account", "acct #"), "account_number", _US, national.shape("%#########", "%###########", "%#######")),
    Identifier("ABA_ROUTING_NUMBER", ("Routing number", "ABA routing number", "routing no. (ABA)"), "routing_number", _US, national.aba),
    Identifier("US_MBI", ("Medicare number", "MBI", "Medicare Beneficiary Identifier"), "mbi", _US, national.mbi),
    Identifier("US_NPI", ("NPI", "National Provider Identifier", "provider NPI"), "npi", _US, national.npi),
    Identifier("MEDICAL_LICENSE", ("DEA number", "DEA registration", "DEA #"), "dea_number", _US, national.dea),
    Identifier("MEDICAL_RECORD_NUMBER", ("MRN", "Medical record number", "medical record no.", "Patient MRN"), "mrn", ("en_US", "en_GB", "en_CA", "en_AU"), national.record_number),
    Identifier("HEALTH_INSURANCE_ID", ("Member ID", "Insurance member ID", "health insurance ID", "Subscriber ID"), "member_id", _US, national.insurance),
    Identifier("UK_NHS", ("NHS number", "NHS No.", "NHS no"), "nhs_number", _UK, national.nhs),
    Identifier("UK_NINO", ("National Insurance number", "NI number", "NINO"), "ni_number", _UK, national.nino),
    Identifier("UK_PASSPORT", ("UK passport", "British passport number", "passport number"), "passport_no", _UK, national.shape("@@#######")),
    Identifier("UK_DRIVING_LICENCE", ("Driving licence", "driving licence number", "DVLA licence no."), "driving_licence", _UK, national.uk_licence),
    Identifier("AU_ABN", ("ABN", "Australian Business Number"), "abn", _AU, national.abn),
    Identifier("AU_ACN", ("ACN", "Australian Company Number"), "acn", _AU, national.acn),
    Identifier("AU_TFN", ("TFN", "Tax File Number", "tax file no."), "tfn", _AU, national.tfn),
    Identifier("AU_MEDICARE", ("Medicare card", "Medicare number", "Medicare no."), "medicare_number", _AU, national.au_medicare),
    Identifier("CA_SIN", ("SIN", "Social Insurance Number", "social insurance no."), "sin", ("en_CA",), national.sin),
    Identifier("DE_TAX_ID", ("Steuer-ID", "Steueridentifikationsnummer", "IdNr.", "German tax ID"), "steuer_id", _DE, national.de_tax_id),
    Identifier("DE_ID_CARD", ("Personalausweis", "Personalausweisnummer", "Ausweisnummer", "German ID card"), "personalausweis", _DE, national.de_document("LMNPRTVWXY")),
    Identifier("DE_PASSPORT", ("Reisepass", "Reisepassnummer", "Passnummer", "German passport"), "reisepass", _DE, national.de_document("CFGHJK")),
    Identifier("DE_SOCIAL_SECURITY", ("Sozialversicherungsnummer", "SV-Nummer", "Rentenversicherungsnummer"), "sv_nummer", _DE, national.de_social_security),
    Identifier("FR_NIR", ("Numéro de sécurité sociale", "NIR", "n° de sécurité sociale"), "numero_secu", ("fr_FR",), national.fr_nir),
    Identifier("NL_BSN", ("BSN", "Burgerservicenummer", "BSN-nummer"), "bsn", ("nl_NL",), national.bsn),
    Identifier("ES_NIF", ("DNI", "NIF", "DNI/NIF"), "dni", ("es_ES",), national.nif),
    Identifier("ES_NIE", ("NIE", "número NIE", "N.I.E."), "nie", ("es_ES",), national.nie),
    Identifier("IT_FISCAL_CODE", ("Codice fiscale", "C.F.", "codice fiscale"), "codice_fiscale", _IT, national.codice_fiscale),
    Identifier("IT_VAT_CODE", ("Partita IVA", "P.IVA", "partita iva"), "partita_iva", _IT, national.partita_iva),
    Identifier("IT_DRIVER_LICENSE", ("Patente di guida", "patente", "numero patente"), "patente", _IT, national.shape("U1%######@", "@@#######@")),
    Identifier("IT_PASSPORT", ("Passaporto", "numero passaporto"), "passaporto", _IT, national.shape("@@#######")),
    Identifier("IT_IDENTITY_CARD", ("Carta d'identità", "carta d'identità n."), "carta_identita", _IT, national.shape("C@#####@@", "@@#######")),
    Identifier("PL_PESEL", ("PESEL", "numer PESEL"), "pesel", ("pl_PL",), national.pesel),
    Identifier("FI_PERSONAL_IDENTITY_CODE", ("henkilötunnus", "hetu", "personal identity code"), "hetu", ("fi_FI",), national.hetu),
    Identifier("SE_PERSONNUMMER", ("personnummer", "Personal identity number (personnummer)"), "personnummer", ("sv_SE",), national.personnummer),
    Identifier("IN_PAN", ("PAN", "Permanent Account Number", "PAN card"), "pan", _IN, national.pan),
    Identifier("IN_AADHAAR", ("Aadhaar", "Aadhaar number", "UIDAI Aadhaar"), "aadhaar", _IN, national.aadhaar),
    Identifier("IN_VOTER", ("Voter ID", "EPIC number", "voter card"), "voter_id", _IN, national.shape("@@@#######")),
    Identifier("IN_PASSPORT", ("Indian passport", "passport number"), "passport", _IN, national.shape("@%#####%")),
    Identifier("IN_GSTIN", ("GSTIN", "GST number", "GST registration"), "gstin", _IN, national.gstin),
    Identifier("SG_NRIC_FIN", ("NRIC", "NRIC/FIN", "FIN"), "nric", ("en_SG",), national.nric),
    Identifier("KR_RRN", ("RRN", "Resident Registration Number", "주민등록번호"), "rrn", ("ko_KR",), national.rrn),
    Identifier("TH_TNIN", ("Thai National ID", "TNIN", "เลขประจำตัวประชาชน"), "tnin", ("th_TH",), national.tnin),
    Identifier("TR_NATIONAL_ID", ("T.C. Kimlik No", "TCKN", "kimlik numarası"), "tckn", ("tr_TR",), national.tckn),
    Identifier("ZA_ID_NUMBER", ("South African ID number", "SA ID number"), "sa_id_number", ("en_ZA",), national.za_id),
    Identifier("KR_FRN", ("Korean FRN", "Foreigner Registration Number", "외국인등록번호"), "frn", ("ko_KR",), national.frn),
    Identifier("KR_BRN", ("Korean BRN", "Business Registration Number", "사업자등록번호"), "brn", ("ko_KR",), national.brn),
    Identifier("KR_DRIVER_LICENSE", ("Korean driver license", "운전면허번호"), "driver_license_kr", ("ko_KR",), national.kr_licence),
    Identifier("KR_PASSPORT", ("Korean passport number", "대한민국 여권"), "korean_passport", ("ko_KR",), national.shape("M########")),
    Identifier("NG_NIN", ("NIN", "National Identification Number (NIMC)"), "nin", ("en_NG",), national.nin),
    Identifier("SG_UEN", ("UEN", "Unique Entity Number"), "uen", ("en_SG",), national.uen),
    Identifier("UK_VEHICLE_REGISTRATION", ("Vehicle registration", "number plate", "reg"), "vehicle_registration", _UK, national.uk_plate),
    Identifier("IN_VEHICLE_REGISTRATION", ("Vehicle registration (RTO)", "vehicle plate"), "rto_number", _IN, national.shape("MH12@@%###", "DL04@@%###", "KA05@@%###")),
    Identifier("DE_VAT_ID", ("USt-IdNr.", "Umsatzsteuer-Identifikationsnummer"), "ust_idnr", _DE, national.de_vat_id),
    Identifier("DE_HEALTH_INSURANCE", ("Krankenversichertennummer", "KVNR", "Versichertennummer"), "kvnr", _DE, national.kvnr),
    Identifier("DE_TAX_NUMBER", ("Steuernummer", "Steuer-Nr."), "steuernummer", _DE, national.shape("###/###/#####", "##/###/#####")),
    Identifier("DE_KFZ", ("Kfz-Kennzeichen", "amtliches Kennzeichen"), "kennzeichen", _DE, national.kfz),
    Identifier("ES_PASSPORT", ("Pasaporte", "número de pasaporte"), "pasaporte", ("es_ES",), national.shape("@@@######")),
    Identifier("PH_PASSPORT", ("Philippine passport", "passport number (PH)"), "ph_passport", ("en_PH",), national.shape("P#######@")),
)  # fmt: skip
BY_ENTITY = {kind.entity: kind for kind in IDENTIFIERS}
