params.hub_project = '3fa85f64-5717-4562-b3fc-2c963f66afa6'
params.masks = '/data/out/*/seg.nii.gz'    // one folder for each accession

process STORE {
    stageInMode 'copy'    // a link that leaves the work directory is refused
    secret 'XNAT_USER'
    secret 'XNAT_PASS'
    errorStrategy { task.exitStatus in [1, 7] ? 'retry' : 'finish' }
    maxRetries 3

    input:
    tuple val(accession), path(mask)

    output:
    path 'stored.csv'

    script:
    """
    xnat-upload put ${mask} --hub-project ${params.hub_project} --accession ${accession} \
        --scan 12345 --resource SEG --resume --no-progress --report stored.csv
    """
}

workflow {
    STORE(channel.fromPath(params.masks).map { mask -> tuple(mask.parent.name, mask) })
}
